"""What a surface of a vendor is given and gives, and what all of them do alike: scenarios and breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from poise.sim.content import EMBEDDING_SIZE
from poise.sim.emulate.asked import Asked, Obj, Refused, Reply
from poise.sim.emulate.field import Place, Wrong, look
from poise.sim.emulate.message import SSE, Answered, Request, Seen, Silent, Streamed, Whole
from poise.sim.emulate.reply import reply_to
from poise.sim.emulate.scenario import REFUSALS, Scenario, Unknown, scenario_of

MAX_EMBEDDING: Final = 4096


class Here(msgspec.Struct, frozen=True):
    """Where a request came in: the vendor's name, the model that the path names, the time in seconds, the log's line."""

    vendor: str
    model: str
    now_s: int
    seen: Seen


Surface = Callable[[Request, Here], Answered]


def body_of(request: Request) -> Obj:
    """The JSON object that was sent. Raises Refused."""
    try:
        body = request.json
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise Refused("bad_json", str(bad)[:120]) from bad
    if not isinstance(body, dict):
        raise Refused("bad_json", "expected an object")
    return body


def size_of(body: Obj, name: str, at: Place) -> int:
    """How many numbers an embedding shall have. Raises Wrong."""
    size: int = look(body, name, "integer", at) or EMBEDDING_SIZE
    if not 0 < size <= MAX_EMBEDDING:
        raise Wrong((*at, name), "value", f"1..{MAX_EMBEDDING}", size)
    return size


def decide(asked: Asked, here: Here) -> tuple[Scenario, Reply]:
    """The scenario and the reply. Raises Refused where the scenario is an error."""
    try:
        scenario = scenario_of(asked)
    except Unknown as unknown:
        raise Refused("no_model", asked.model) from unknown
    if asked.model.startswith("no-such"):
        raise Refused("no_model", asked.model)
    here.seen.scenario = scenario.name
    if scenario.name in REFUSALS:
        raise Refused(scenario.name, asked.model)
    if scenario.status:
        raise Refused("status", f"emulated error with status {scenario.status}", status=scenario.status)
    return scenario, reply_to(asked, scenario)


def entire(answer: Whole, scenario: Scenario) -> Answered:
    """A whole answer, or what the scenario makes of it."""
    if scenario.name == "silent":
        return Silent()
    if scenario.name.startswith("stream-error"):
        raise Refused("stream-error")
    answer.cut = scenario.name == "cut"
    return answer


def streamed(
    frames: Sequence[bytes], scenario: Scenario, broken: Callable[[list[bytes]], list[bytes]], type: str = SSE
) -> Answered:
    """A stream, or what the scenario makes of it; broken gives the frames that follow the first half when it breaks."""
    half = list(frames[: max(1, len(frames) // 2)])
    if scenario.name == "silent":
        return Silent()
    if scenario.name == "cut":
        return Streamed(frames=half, type=type, end="close")
    if scenario.name == "stream-error":
        return Streamed(frames=[*half, *broken(half)], type=type)
    if scenario.name == "stream-error-first":
        return Streamed(frames=broken([]), type=type)
    return Streamed(frames=list(frames), type=type)
