"""What is read and set from outside: ``/_wall/log``, ``/_wall/bill``, ``/_wall/script``, ``/_wall/restart``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from poise.sim.wall import frame
from poise.sim.wall.amounts import BadPlan
from poise.sim.wall.move import Move
from poise.sim.wall.request import Arrived
from poise.sim.wall.script import ScriptFile

if TYPE_CHECKING:
    from poise.sim.wall.wall import Wall

PREFIX: Final = "/_wall/"


def answer(wall: Wall, arrived: Arrived) -> Move:
    """The answer to one of these, as JSON."""
    status, value = _answer(wall, arrived)
    body = msgspec.json.encode(value)
    return Move(0.0, frame.head(status, frame.JSON, frame.length(len(body))) + body, end="done")


def _answer(wall: Wall, arrived: Arrived) -> tuple[int, object]:
    asked = (arrived.method, arrived.target)
    if asked == ("GET", "/_wall/log"):
        return 200, wall.log.all
    if asked == ("DELETE", "/_wall/log"):
        wall.log.forget()
        return 200, {}
    if asked == ("GET", "/_wall/bill"):
        return 200, wall.bill
    if asked == ("GET", "/_wall/counts"):
        counts = {**wall.log.counts, "connections": wall.connections, "open_connections": wall.open_connections}
        return 200, counts
    if asked == ("POST", "/_wall/restart"):
        wall.restart()
        return 200, {}
    if asked == ("POST", "/_wall/script"):
        try:
            wall.script.load(msgspec.json.decode(arrived.body, type=ScriptFile))
        except (msgspec.DecodeError, BadPlan) as bad:
            return 400, {"error": str(bad)}
        wall.watch_door()
        return 200, {}
    return 404, {"error": f"there is nothing at {arrived.method} {arrived.target}"}
