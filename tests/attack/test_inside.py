"""X13, X14, X22, X51, X54: what a client writes stays where it belongs, and the data port shows nothing of the inside.

Out of the upstream's head, out of the log's lines, inside its own content.
"""

from __future__ import annotations

import json

import pytest

from tests.attack.rig import on_loop, rig
from tests.attack.upstream import STREAM_END, STREAM_HEAD, Seen, UpstreamSocket, chunk, completion, event, whole
from tests.attack.wire import KEY, chat, get, post

INTERNAL = (
    b"x-forwarded-for: 10.0.0.1\r\nx-forwarded-host: evil.test\r\nforwarded: for=10.0.0.1\r\nx-real-ip: 10.0.0.1\r\n"
    b"x-poise-decision: d-0000000000000000\r\nx-poise-target: other\r\nx-poise-posture: open\r\n"
    b"x-internal-role: admin\r\n"
    b"connection: keep-alive, x-internal-role\r\nkeep-alive: timeout=5\r\nproxy-authorization: Basic eA==\r\n"
    b"te: trailers\r\ntrailer: x\r\ncookie: a=b\r\nopenai-organization: evil\r\nx-client-request-id: forged\r\n"
)
FORGED = [
    "\n\ndata: [DONE]\n\n",
    "\r\n\r\ndata: {}\r\n\r\n",
    "\x1b[2Jdata: x",
    "\u2028\u2029",
    '"}]}\n\n',
    "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
]


@on_loop
async def test_no_header_of_the_client_reaches_the_upstream_unless_it_is_meant_to() -> None:
    """Hop-by-hop, forwarding, internal and account headers stay outside; the key is the upstream's own."""
    async with rig() as it:
        answer = await it.ask(post(chat("hi"), INTERNAL + b"traceparent: 00-a-b-01\r\nidempotency-key: i-1\r\n"))
        (seen,) = it.upstream.seen
        names = [name for name, _ in seen.headers]

        assert 200 == answer.status
        assert {
            b"host", b"user-agent", b"accept-encoding", b"content-type", b"authorization", b"x-client-request-id",
            b"traceparent", b"idempotency-key", b"content-length", b"x-poise-attempts-left",
        } == set(names)  # fmt: skip
        assert len(names) == len(set(names))
        assert b"forged" not in it.upstream.raw
        assert KEY.encode() not in it.upstream.raw
        assert b"d-0000000000000000" != answer.headers[b"x-poise-decision"]


@pytest.mark.parametrize("bad", [b"\r\nx-evil: 1", b"\n x", b"\rx: y", b"\x00", b"\x1b[31m"])
@pytest.mark.parametrize("name", [b"traceparent", b"idempotency-key", b"openai-beta", b"tracestate"])
@on_loop
async def test_forwarded_header_cannot_carry_a_second_line(name: bytes, bad: bytes) -> None:
    """What would be a line end upstream is refused, or was a header of its own to begin with."""
    async with rig() as it:
        await it.exchange(post(chat("hi"), name + b": a" + bad + b"\r\nconnection: close\r\n"))

        assert b"x-evil" not in it.upstream.raw
        assert all(b"\x1b" not in sock.raw and b"\x00" not in sock.raw for sock in it.upstream.sockets)


LINES = ["a\nFORGED line", "a\r\nFORGED", "\x1b[31mred", "=cmd|' /C calc'!A0", "</script>", "\x9b2J"]


@pytest.mark.parametrize("text", LINES)
@on_loop
async def test_text_of_the_client_cannot_forge_a_log_line_or_an_error(text: str) -> None:
    """Model, user, labels and paths: errors are JSON, logs printable (the rig looks at every line)."""
    async with rig() as it:
        answers = [
            await it.ask(post(chat("hi", model=text))),
            await it.ask(post(chat("hi", user=text, stream_options=text, stream=True))),
            await it.ask(post(chat("hi"), b"x-poise-label: " + text.encode("ascii", "replace").split()[0] + b"\r\n")),
            (await it.exchange(get(b"/v1/models/" + text.encode() + b"x", b"connection: close\r\n")))[0],
        ]

        for answer in answers:
            assert 400 <= answer.status < 500
            assert all(byte >= 0x20 for byte in answer.body), answer.body
            assert json.loads(answer.body)["error"]["decision"].startswith("d-")


@pytest.mark.parametrize("text", FORGED)
@on_loop
async def test_model_output_cannot_forge_an_event(text: str) -> None:
    """What looks like an event, an end or an answer inside content stays content, streamed and whole."""
    async with rig() as it:

        def say(sock: UpstreamSocket, seen: Seen) -> None:
            if b'"stream":true' in seen.body.replace(b" ", b""):
                events = event({"content": text}) + event({"content": "after"}) + event({}, "stop") + STREAM_END
                sock.write(STREAM_HEAD + chunk(events) + b"0\r\n\r\n")
            else:
                sock.write(whole(completion(text)))

        it.upstream.script = say
        streamed = await it.ask(post(chat("hi", stream=True)))
        told = await it.ask(post(chat("hi")))
        deltas = [json.loads(data)["choices"][0]["delta"] for data in streamed.events[:-1]]

        assert [text, "after"] == [delta["content"] for delta in deltas if delta]
        assert [b"[DONE]"] == [data for data in streamed.events if data == b"[DONE]"]
        assert text == told.text


@on_loop
async def test_upstream_that_repeats_our_key_is_not_repeated() -> None:
    """In an error of its own; the rig looks for the key in every record and log line too."""
    async with rig() as it:
        secret = "sk-upstream-canary-5511aa"
        it.upstream.script = lambda sock, _: sock.write(
            whole(json.dumps({"error": {"message": f"bad key {secret}"}}).encode(), 401)
        )
        answer = await it.ask(post(chat("hi")))

        assert 502 == answer.status
        assert secret.encode() not in answer.body


@pytest.mark.parametrize(
    "path", [b"/metrics", b"/healthz", b"/readyz", b"/admin", b"/config", b"/docs", b"/openapi.json"]
)
@pytest.mark.parametrize("keyed", [True, False])
@on_loop
async def test_data_port_has_no_inside(path: bytes, keyed: bool) -> None:
    """Health, metrics and configuration live on another listener; here is nothing, with a key or without."""
    async with rig() as it:
        answer = await it.ask(get(path) if keyed else get(path, auth=b""))

        assert (404, "not_found") == (answer.status, answer.code)
        assert b"server" not in answer.headers
