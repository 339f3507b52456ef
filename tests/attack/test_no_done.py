"""F16: a stream that says how it ended, and no [DONE]. Whole where its bytes came to their end, cut where they did not."""

from __future__ import annotations

import pytest

from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import STREAM_HEAD, UpstreamSocket, chunk, event
from tests.attack.wire import Answer, Wire, chat, post

EVENTS = event({"content": "hello"}) + event({}, "stop")
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
PLAIN_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
ENDS = {  # what only a complete answer says, at each door
    b"/v1/chat/completions": b"[DONE]",
    b"/v1/messages": b"message_stop",
    b"/v1/responses": b"response.completed",
}
ASKS = {
    b"/v1/chat/completions": chat("hi", stream=True),
    b"/v1/messages": chat("hi", stream=True, max_tokens=9),
    b"/v1/responses": b'{"model":"support","input":"hi","stream":true}',
}


async def answered(it: Rig, path: bytes, said: bytes, how: str) -> Answer:
    """The answer where the upstream says so much and then goes: in good order (''), with a FIN, or with a RST."""

    def script(sock: UpstreamSocket, _: object) -> None:
        sock.write(said)
        if how == "fin":
            sock.close()

    it.upstream.script = script
    wire: Wire = await it.connect()
    await wire.send(post(ASKS[path], path=path))
    if how == "rst":
        await wire.until(b"hello")  # what the kernel holds is lost with a RST
        await it.bell.until(lambda: it.upstream.sockets[0].sent == len(said))
        it.upstream.sockets[0].reset()
    answer = await wire.answer()
    wire.close()
    await it.bell.until(lambda: it.records.outcomes)
    return answer


@pytest.mark.parametrize("path", ENDS)
@pytest.mark.parametrize(
    ("said", "how"),
    [
        (STREAM_HEAD + chunk(EVENTS + USAGE) + b"0\r\n\r\n", ""),
        (PLAIN_HEAD + b"content-length: %d\r\n\r\n" % len(EVENTS + USAGE) + EVENTS + USAGE, ""),
        (PLAIN_HEAD + b"connection: close\r\n\r\n" + EVENTS + USAGE, "fin"),
    ],
    ids=["chunked", "length", "close"],
)
@on_loop
async def test_answer_that_ended_and_whose_body_ended_is_complete(said: bytes, how: str, path: bytes) -> None:
    """At once, with its usage; another dialect says its own end, the same dialect no more than came."""
    async with rig() as it:
        answer = await answered(it, path, said, how)
        row = next(iter(it.records.outcomes.values())).attempts[-1]

        assert ["completed"] == it.records.endings
        assert b"stream_broken" not in answer.body
        assert (path != b"/v1/chat/completions") == (ENDS[path] in answer.body)
        assert (7, 3, "exact") == (row.input_tokens, row.output_tokens, row.billing)


@pytest.mark.parametrize("path", ENDS)
@pytest.mark.parametrize(
    ("said", "how"),
    [
        (STREAM_HEAD + chunk(EVENTS), "fin"),
        (STREAM_HEAD + chunk(EVENTS), "rst"),
        (STREAM_HEAD + chunk(EVENTS) + b"5\r\nda", "fin"),
        (STREAM_HEAD + chunk(EVENTS) + b"zz\r\n", "fin"),
        (PLAIN_HEAD + b"content-length: %d\r\n\r\n" % (len(EVENTS) + 1) + EVENTS, "fin"),
        (PLAIN_HEAD + b"connection: close\r\n\r\n" + EVENTS, "rst"),
        (PLAIN_HEAD + b"connection: close\r\n\r\n" + EVENTS + b'data: {"id', "fin"),
        (PLAIN_HEAD + b"connection: close\r\n\r\n" + event({"content": "hello"}), "fin"),
    ],
    ids=["no last chunk", "reset", "within a chunk", "no chunk", "short of length", "reset unframed", "tail", "no end"],
)
@on_loop
async def test_answer_whose_body_broke_is_cut_whatever_it_said(said: bytes, how: str, path: bytes) -> None:
    """The rest may have been usage, another choice or an error: an error follows, and no end of the dialect."""
    async with rig() as it:
        answer = await answered(it, path, said, how)

        assert ["truncated"] == it.records.endings
        assert b"hello" in answer.body
        assert b"stream_broken" in answer.body
        assert ENDS[path] not in answer.body
