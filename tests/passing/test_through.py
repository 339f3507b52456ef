"""What is passed through reaches the provider as it was sent, and its answer the caller as it came."""

from __future__ import annotations

import asyncio
import os

import pytest

from poise.decision import Kind, decode_decision
from tests.attack.rig import UPSTREAM_KEY, on_loop
from tests.attack.test_gone import leave
from tests.attack.upstream import Seen, UpstreamSocket, chunk, hang
from tests.passing.served import answer, bodiless, call, last, one, raw, served

JSON = b"application/json"
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"])
@pytest.mark.parametrize(
    ("path", "there"),
    [
        (b"/passthrough/up/files?limit=2&after=a%20b", b"/v1/files?limit=2&after=a%20b"),
        (b"/passthrough/up/v1/files/f-1/content", b"/v1/files/f-1/content"),
        (b"/passthrough/claude/v1/files/", b"/v1/files/"),
        (b"/passthrough/up/v1beta/x:y", b"/v1/v1beta/x:y"),
    ],
)
@on_loop
async def test_method_path_and_query_are_kept(method: bytes, path: bytes, there: bytes) -> None:
    """Behind the provider's own base; a version that both say is said once."""
    async with served() as it:
        body = None if method == b"GET" else b'{"a": 1}'
        told, seen = await one(it, call(method, path, body, kind=JSON if body else b""))

        assert seen is not None
        assert (200, b"{}") == (told.status, told.body)
        assert b"%b %b HTTP/1.1" % (method, there) == seen.line
        assert (body or b"") == seen.body


@on_loop
async def test_a_body_of_any_kind_passes_byte_for_byte() -> None:
    """Forms, sound, and JSON with its own spaces; the caller's content type with it."""
    async with served() as it:
        for kind in (b"multipart/form-data; boundary=zz", b"audio/mpeg", b"application/jsonl", JSON):
            body = os.urandom(200_000)
            _, seen = await one(it, call(b"POST", b"/passthrough/up/files", body, kind=kind))

            assert seen is not None
            assert (body, kind) == (seen.body, dict(seen.headers)[b"content-type"])


@pytest.mark.parametrize("status", [200, 201, 206, 400, 401, 404, 429, 500, 503])
@on_loop
async def test_status_and_body_pass_as_they_are(status: int) -> None:
    """Also errors: they are the provider's words to the caller."""
    async with served() as it:
        body = os.urandom(70_000)
        told, _ = await one(
            it, call(b"GET", b"/passthrough/up/x"), answer(body, b"content-type: audio/mpeg\r\n", status)
        )

        assert (status, body, b"audio/mpeg") == (told.status, told.body, told.headers[b"content-type"])
        assert b"%d" % len(body) == told.headers[b"content-length"]
        assert "completed" == str(last(it).kind) if status < 400 else "failed" == str(last(it).kind)


@on_loop
async def test_a_redirect_is_told_and_not_followed() -> None:
    """Following it would carry the provider's key to wherever it leads."""
    async with served() as it:
        found = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/steal\r\ncontent-length: 0\r\n\r\n"
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x"), found)

        assert (302, b"http://127.0.0.1:1/steal") == (told.status, told.headers[b"location"])
        assert 1 == len(it.upstream.seen)


@on_loop
async def test_headers_of_the_account_and_the_hop_stay_behind() -> None:
    """What the provider says to us alone, and what would frame the answer twice."""
    async with served() as it:
        head = (
            b"content-type: application/json\r\nset-cookie: s=1\r\nopenai-organization: org-1\r\nkeep-alive: x\r\n"
            b"connection: keep-alive, x-hop\r\nx-hop: 1\r\nx-poise-target: forged\r\nx-request-id: r1\r\netag: e\r\n"
        )
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x"), answer(b"{}", head))

        assert {b"set-cookie", b"openai-organization", b"keep-alive", b"x-hop"}.isdisjoint(told.headers)
        assert b"*@up" == told.headers[b"x-poise-target"]
        assert (b"r1", b"e") == (told.headers[b"x-request-id"], told.headers[b"etag"])


@pytest.mark.parametrize("length", [b"content-length: 12345\r\n", b"transfer-encoding: chunked\r\n", b""])
@on_loop
async def test_head_has_no_body(length: bytes) -> None:
    """The answer to HEAD says how long the body would be, and ends there; nothing waits for what will not come."""
    async with served() as it:
        it.upstream.script = raw(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n%b\r\n" % length)
        wire = await it.connect()
        await wire.send(call(b"HEAD", b"/passthrough/up/files/f"))
        head, _, rest = (await bodiless(wire)).partition(b"\r\n\r\n")

        assert b"" == rest
        assert head.startswith(b"HTTP/1.1 200 ")
        assert length.startswith(b"content-length") == (b"content-length: 12345" in head)


@pytest.mark.parametrize("status", [204, 304])
@on_loop
async def test_an_answer_without_a_body_frames_none(status: int) -> None:
    """And the connection serves the next request."""
    async with served() as it:
        it.upstream.script = raw(b"HTTP/1.1 %d X\r\netag: e\r\n\r\n" % status)
        wire = await it.connect()
        await wire.send(call(b"DELETE", b"/passthrough/up/files/f"))
        head = await wire.until(b"\r\n\r\n")
        await wire.send(call(b"DELETE", b"/passthrough/up/files/g"))
        await it.bell.until(lambda: len(it.records.outcomes) == 2)

        assert b"transfer-encoding" not in head
        assert b"content-length" not in head


@on_loop
async def test_events_pass_as_they_come() -> None:
    """Each before the next is made."""
    async with served() as it:
        socks: list[UpstreamSocket] = []

        def script(sock: UpstreamSocket, seen: Seen) -> None:
            socks.append(sock)
            sock.write(CHUNKED + chunk(b"data: one\n\n"))

        it.upstream.script = script
        wire = await it.connect()
        await wire.send(call(b"POST", b"/passthrough/up/runs", b"{}", kind=JSON))
        await wire.until(b"data: one\n\n")
        socks[0].write(chunk(b"data: two\n\n") + b"0\r\n\r\n")
        told = await wire.answer()

        assert b"data: one\n\ndata: two\n\n" == told.body


@on_loop
async def test_a_client_that_does_not_read_slows_the_provider_down() -> None:
    """Nothing is held but what the kernel holds."""
    async with served(send_bytes=16_384) as it:

        def script(sock: UpstreamSocket, seen: Seen) -> None:
            sock.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: 100000000\r\n\r\n")
            sock.pour(b"\0" * 65_536 for _ in range(1600))

        it.upstream.script = script
        wire = await it.connect(receive_bytes=4096)
        await wire.send(call(b"GET", b"/passthrough/up/sound"))
        await it.bell.until(lambda: it.upstream.sockets and it.upstream.sockets[0].blocked)

        assert 40_000_000 > it.upstream.sockets[0].sent
        wire.close()
        await it.bell.until(lambda: it.records.outcomes)


@pytest.mark.parametrize("how", ["rst", "fin", "half"])
@pytest.mark.parametrize("begun", [False, True])
@on_loop
async def test_a_client_that_goes_ends_the_upstream_at_once(how: str, begun: bool) -> None:
    """Within a quarter of a second, and one outcome says so."""
    async with served() as it:
        it.upstream.script = raw(CHUNKED + chunk(b"data: 1\n\n")) if begun else hang
        wire = await it.connect()
        await wire.send(call(b"POST", b"/passthrough/up/runs", b"{}", kind=JSON))
        if begun:
            await wire.until(b"data: 1")
        await it.bell.until(lambda: it.upstream.seen)
        loop = asyncio.get_running_loop()
        left_s = loop.time()
        leave(wire, how)
        await it.bell.until(lambda: it.upstream.sockets[0].lost and it.records.outcomes)
        took_s = loop.time() - left_s
        wire.close()

        assert 0.25 > took_s
        assert ["client_gone"] == it.records.endings


@pytest.mark.parametrize(
    "begun",
    [
        CHUNKED + chunk(b"data: 1\n\n"),
        b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 1000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\nabc",
    ],
)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@on_loop
async def test_an_answer_that_is_cut_never_looks_complete(begun: bytes, version: bytes) -> None:
    """Whatever its framing: the client's connection is reset."""
    async with served(deadline_s=600) as it:
        it.upstream.script = raw(begun)
        wire = await it.connect()
        request = call(b"GET", b"/passthrough/up/x", head=b"x-poise-deadline: 10s\r\n")
        await wire.send(request.replace(b"HTTP/1.1", b"HTTP/" + version, 1))
        await it.bell.until(lambda: it.upstream.seen)
        await wire.until(b"\r\n\r\n")
        if b"content-length" in begun or b"chunked" in begun:
            it.upstream.sockets[0].close()
        else:
            it.clock.skip(11.0)
        await bodiless(wire)

        assert wire.reset_by_peer
        assert ["truncated"] == it.records.endings


@on_loop
async def test_a_provider_that_says_nothing_is_left_at_the_deadline() -> None:
    """The caller's own where it is shorter; then a 504, and nobody's health suffers for it."""
    async with served() as it:
        it.upstream.script = hang
        wire = await it.connect()
        await wire.send(call(b"GET", b"/passthrough/up/x", head=b"x-poise-deadline: 30s\r\n"))
        await it.bell.until(lambda: it.upstream.seen)
        it.clock.skip(31.0)
        told = await wire.answer()

        assert (504, "deadline_exceeded") == (told.status, told.code)
        assert ["deadline"] == it.records.endings


@on_loop
async def test_a_provider_that_stops_in_mid_answer_is_left() -> None:
    """After a minute of silence."""
    async with served() as it:
        it.upstream.script = raw(CHUNKED + chunk(b"data: 1\n\n"))
        wire = await it.connect()
        await wire.send(call(b"POST", b"/passthrough/up/runs", b"{}", kind=JSON))
        await wire.until(b"data: 1")
        it.clock.skip(61.0)
        await it.bell.until(lambda: it.records.outcomes)

        assert ["truncated"] == it.records.endings


@on_loop
async def test_a_dead_pooled_connection_is_replaced_once() -> None:
    """And a fresh one that dies is an error: who knows what was done."""
    async with served() as it:
        await one(it, call(b"POST", b"/passthrough/up/x", b"{}", kind=JSON))
        calls = 0

        def script(sock: UpstreamSocket, seen: Seen) -> None:
            nonlocal calls
            calls += 1
            sock.close()

        it.upstream.script = script
        told = await it.ask(call(b"POST", b"/passthrough/up/x", b"{}", kind=JSON))

        assert (502, "upstream_failed", 2) == (told.status, told.code, calls)


@on_loop
async def test_a_call_is_one_decision_and_one_outcome() -> None:
    """Routed by the workflow passthrough to the provider, named with its method and path and without its query."""
    async with served() as it:
        body = b'{"model":"m-1","usage":{"prompt_tokens":100,"completion_tokens":10}}'
        request = call(b"POST", b"/passthrough/up/moderations?secret=1", b'{"model":"m-1"}', kind=JSON)
        told, _ = await one(it, request, answer(body))
        (decision,) = [decode_decision(blob) for blob in it.records.decisions.values()]
        outcome = last(it)
        attempt = outcome.attempts[0]

        assert told.headers[b"x-poise-decision"] == f"d-{decision.id:016x}".encode()
        assert (Kind.ROUTED, "passthrough", "app") == (decision.kind, decision.inputs.facts.workflow, "app")
        assert {"passthrough": "POST /moderations"} == decision.inputs.facts.labels
        assert (1, "*@up", "all", len(body)) == (
            len(it.records.outcomes), outcome.target, outcome.delivered, outcome.bytes
        )  # fmt: skip
        assert (100, 10, 280, "exact") == (
            attempt.input_tokens, attempt.output_tokens, attempt.cost_usd_e6, attempt.billing
        )  # fmt: skip


@on_loop
async def test_what_nobody_counted_is_said_to_be_uncounted() -> None:
    """Bytes are known, tokens are not, and zero would be a lie."""
    async with served() as it:
        await one(it, call(b"GET", b"/passthrough/up/files"), answer(b'{"data":[]}'))

        assert ("uncounted", 0) == (last(it).attempts[0].billing, last(it).attempts[0].cost_usd_e6)


@on_loop
async def test_the_providers_own_errors_are_classified() -> None:
    """They pass as they are, and the record says what they mean; only the target's own fault counts against it."""
    async with served() as it:
        for status, code, failure in (
            (429, "upstream_rate_limited", "rate"),
            (400, "upstream_rejected", "bad_request"),
        ):
            await one(it, call(b"GET", b"/passthrough/up/x"), answer(b'{"error":{"message":"no"}}', status=status))

            assert (code, failure, status) == (last(it).code, last(it).attempts[0].failure, last(it).status)


@on_loop
async def test_draining_refuses_new_calls_and_ends_old_ones() -> None:
    """What has begun is broken off at the end of the grace, and recorded as drained."""
    async with served(hold=False) as it:
        it.upstream.script = raw(CHUNKED + chunk(b"data: 1\n\n"))
        wire = await it.connect()
        await wire.send(call(b"POST", b"/passthrough/up/runs", b"{}", kind=JSON))
        await wire.until(b"data: 1")
        await it.plane.drain(0)
        await bodiless(wire)

        assert ["drained"] == it.records.endings
        assert wire.reset_by_peer


@on_loop
async def test_the_request_bound_holds() -> None:
    """32 MiB, or what limits.body says; refused before the provider is asked."""
    async with served() as it:
        head = call(b"POST", b"/passthrough/up/files", kind=JSON, head=b"content-length: %d\r\n" % (33 << 20))
        told = await it.exchange(head)

        assert (413, "body_too_large") == (told[0].status, told[0].code)
        assert [] == it.upstream.seen


@on_loop
async def test_the_providers_key_never_comes_back() -> None:
    """An upstream that echoes what it was sent shows stars of the same length, however the bytes are cut."""
    async with served() as it:
        key = UPSTREAM_KEY.encode()
        for cut in range(1, len(key)):
            body = b"a" + key[:cut]
            rest = key[cut:] + b"sk-upstream" + b"z"

            def script(sock: UpstreamSocket, seen: Seen, body: bytes = body, rest: bytes = rest) -> None:
                sock.write(b"HTTP/1.1 200 OK\r\nx-echo: %b\r\ntransfer-encoding: chunked\r\n\r\n" % key)
                sock.write(chunk(body))
                asyncio.get_running_loop().call_soon(sock.write, chunk(rest) + b"0\r\n\r\n")

            it.upstream.script = script
            told = await it.ask(call(b"GET", b"/passthrough/up/x"))

            assert b"a" + b"*" * len(key) + b"sk-upstreamz" == told.body
            assert b"*" * len(key) == told.headers[b"x-echo"]
