"""The doors of the Open Inference Protocol: what the gateway answers itself, and how a call is read.

Open without a key, as at the servers that speak it, so that load balancers and Kubernetes can ask: ``/v2/health/live``
and ``/v2/health/ready``. Ready is said of what this worker knows of its targets; nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from poise import __version__
from poise.edge.doors import Door
from poise.edge.http.message import Message
from poise.edge.snapshot import Grant
from poise.path.fleet import Lane, Route
from poise.wire.call import Call
from poise.wire.oip.request import HEADER, INFER, METADATA, json_bytes_of, read_infer, read_metadata

PROBES: Final = frozenset({"live", "server-ready"})
ANYBODY: Final = Grant("", {})  # who asks a probe


def read(door: Door, message: Message) -> Call:
    """The call that a message makes. Raises Error: bad_header, invalid_json, duplicate_field, invalid_field."""
    if door.surface == METADATA:
        return read_metadata(door.model, door.version)
    body = message.whole_body()
    json_bytes = json_bytes_of(message.headers.get(HEADER), len(body))
    return read_infer(body, json_bytes, model=door.model, version=door.version)


def healthy(lanes: Iterable[Lane], now_us: int) -> bool:
    """Whether one of them may be sent a request: it is not ejected."""
    return any(lane.reading(now_us).ejected_until_us <= now_us for lane in lanes)


def serving(route: Route, scope: int) -> list[Lane]:
    """The targets behind a name that take tensors from a key of this scope."""
    options = route.prepared.options
    return [
        route.lanes[option.candidate]
        for option in options
        if INFER in option.surfaces and option.static is None and scope & option.bit
    ]


def every_lane(routes: Mapping[str, Route]) -> tuple[Lane, ...]:
    """Each target once."""
    return tuple({lane.target.id: lane for route in set(routes.values()) for lane in route.lanes}.values())


def server() -> bytes:
    """What the server says of itself."""
    return msgspec.json.encode({"name": "poise", "version": __version__, "extensions": ["binary_tensor_data"]})


def state(door: Door, lanes: Sequence[Lane], *, ready: bool) -> tuple[int, bytes]:
    """Status and body of an answer about health: false is a 400, as the protocol has it for what is not so."""
    if door.surface == "live":
        return 200, msgspec.json.encode({"live": ready})
    shown: dict[str, object] = {"live": True} if door.surface == "server-ready" else {"name": door.model}
    shown["ready"] = ready
    if not ready:
        shown["error"] = "no target is healthy just now" if lanes else "no target of it speaks this protocol"
    return (200 if ready else 400), msgspec.json.encode(shown)
