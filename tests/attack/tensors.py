"""Targets of the Open Inference Protocol behind the rig's own upstream, and what is sent to them."""

from __future__ import annotations

import json

import msgspec

from poise.edge.snapshot import Endpoint, Grant, Snapshot
from poise.policy import Candidate, Objective, Policy, Recover
from poise.target import Provider, Target
from tests.attack.rig import UPSTREAM_KEY
from tests.attack.upstream import Seen, UpstreamSocket
from tests.attack.wire import post

HEADER = b"inference-header-content-length"
GOOD = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.5]}]}).encode()
ANSWER = b'{"model_name":"first-up","model_version":"3","outputs":[]}'


def with_tensors(served: Snapshot) -> Snapshot:
    """Two providers at the rig's upstream: ``calc`` asks one, ``pair`` both in order; model ids say which was asked."""
    url = served.endpoints["up"].provider.url.removesuffix("/v1")
    targets = [
        Target(f"{name}@{name}", name, name, "open-inference", "us", f"{name}-up", dialect="oip")
        for name in ("first", "second")
    ]
    candidates = [Candidate(target, place) for place, target in enumerate(targets)]
    objective = Objective(deadline_us=600_000_000)
    calc = Policy("calc", (candidates[0],), objective=objective, recover=Recover(attempts=1))
    pair = Policy("pair", tuple(candidates), objective=objective, recover=Recover(attempts=2))
    pair = msgspec.structs.replace(pair, choose=msgspec.structs.replace(pair.choose, mode="order"))
    endpoints = {
        name: Endpoint(Provider(name, "open-inference", "us", url), UPSTREAM_KEY) for name in ("first", "second")
    }
    app = served.grants["app"]
    grants = served.grants | {"app": Grant("app", app.scopes | {"calc": 1, "pair": 3, "meta/calc": 1})}
    return msgspec.structs.replace(
        served,
        policies=served.policies | {"calc": calc, "pair": pair, "meta/calc": calc},
        endpoints=served.endpoints | endpoints,
        grants=grants,
    )


def infer(body: bytes = GOOD, head: bytes = b"", *, model: bytes = b"calc") -> bytes:
    """A call; head is further header lines."""
    return post(body, head, path=b"/v2/models/%b/infer" % model)


def sized(size: bytes | int) -> bytes:
    """The header line that says how much of a body is JSON."""
    return b"%b: %b\r\n" % (HEADER, b"%d" % size if isinstance(size, int) else size)


def answers(body: bytes = ANSWER, *, status: int = 200, head: bytes = b"") -> bytes:
    """A server's answer."""
    kind = b"" if b"content-type" in head else b"content-type: application/json\r\n"
    return b"HTTP/1.1 %d X\r\n%b%bcontent-length: %d\r\n\r\n%b" % (status, kind, head, len(body), body)


def well(sock: UpstreamSocket, seen: Seen) -> None:
    """Answer whatever comes."""
    sock.write(answers())
