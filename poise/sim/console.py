"""The control endpoint of a simulated upstream in a process of its own: change its script, read its log.

``POST /_sim``            {"standing": step, "by_model": {name: step}, "steps": [step], "refuse_s": 2.0, "reset": true}
``GET  /_sim``            its clock and its counts
``GET  /_sim/requests``   the log, oldest first; ``/_sim/requests/7`` waits until request 7 has ended
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from poise.sim import play
from poise.sim.script import Step

if TYPE_CHECKING:
    from poise.sim.upstream import Upstream

WAIT_S = 10.0


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What to change; what is left out stays. reset first forgets all earlier orders; by_model is merged name by name,
    steps are queued, refuse_s closes the port for so long.
    """

    reset: bool = False
    standing: Step | None = None
    by_model: dict[str, Step] = {}
    steps: list[Step] = []
    refuse_s: float = 0.0


class Status(msgspec.Struct):
    """now_us is this upstream's clock, wall time in microseconds: compare it with nothing but its own log."""

    name: str
    now_us: int
    counts: dict[str, int]
    connections: int
    open_connections: int


_read_order = msgspec.json.Decoder(Order).decode
_encode = msgspec.json.Encoder().encode


async def answer_control(upstream: Upstream, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """The status and body of the answer."""
    if path == "/_sim" and method == "POST":
        try:
            carry_out(upstream, _read_order(body))
        except msgspec.DecodeError as bad:
            return 400, play.error(400, f"not an order: {bad}")
    elif path == "/_sim/requests":
        return 200, _encode(list(upstream.log))
    elif path.startswith("/_sim/requests/"):
        return await _one(upstream, path.rsplit("/", 1)[1])
    elif path != "/_sim":
        return 404, play.error(404, f"there is nothing at {path}")
    return 200, _encode(status_of(upstream))


def carry_out(upstream: Upstream, order: Order) -> None:
    """Change the script as ordered, at once."""
    script = upstream.script
    if order.reset:
        script.forget()
    if order.standing is not None:
        script.standing = order.standing
    script.by_model.update(order.by_model)
    script.then(order.steps)
    if order.refuse_s > 0:
        # Later, so that the answer to this order still gets out.
        upstream.clock.later(0.01, lambda: upstream.refuse(order.refuse_s))


def status_of(upstream: Upstream) -> Status:
    """What a look at the upstream shows."""
    counts = dict(upstream.counts)
    return Status(upstream.name, upstream.clock.now_us(), counts, upstream.connections, upstream.open_connections)


async def _one(upstream: Upstream, number: str) -> tuple[int, bytes]:
    try:
        one = await asyncio.wait_for(upstream.end_of(int(number)), WAIT_S)
    except (ValueError, KeyError):
        return 404, play.error(404, f"there was no request {number}")
    except TimeoutError:
        return 504, play.error(504, f"request {number} has not ended within {WAIT_S:g} s")
    return 200, _encode(one)
