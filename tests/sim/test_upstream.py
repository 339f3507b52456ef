"""The scripted upstream does what its script says, and its log says what happened."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from poise.sim.clock import EPOCH_US, VirtualClock, run
from poise.sim.connection import UpstreamConnection
from poise.sim.content import embedding, example, packed, prompt_tokens, reply_to
from poise.sim.dice import Dice
from poise.sim.pipe import connect_pair
from poise.sim.script import Do, Step
from poise.sim.upstream import Upstream
from poise.wire.sse import data_of, events_of

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "four words are here"}]}


class Caller(asyncio.Protocol):
    """Keeps what comes back."""

    def __init__(self) -> None:
        self.data = b""
        self.over = ""

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.over = self.over or "closed"

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = self.over or ("reset" if exc else "closed")


def post(body: dict[str, Any], path: str = "/v1/chat/completions") -> bytes:
    raw = msgspec.json.encode(body)
    return b"POST %b HTTP/1.1\r\nhost: sim\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(raw), raw)


def ask(
    body: dict[str, Any], step: Step | None = None, *, path: str = "/v1/chat/completions"
) -> tuple[Caller, Upstream]:
    """One request on a connection of its own; the answer after 30 virtual seconds."""
    return send(post(body, path), step)


def send(raw: bytes, step: Step | None = None) -> tuple[Caller, Upstream]:
    async def main(clock: VirtualClock) -> tuple[Caller, Upstream]:
        upstream = Upstream("us", clock, seed=3, standing=step)
        caller = Caller()
        mine, _ = connect_pair(clock, caller, UpstreamConnection(upstream))
        mine.write(raw)
        await clock.sleep(30)
        return caller, upstream

    return run(main, 1)


def parts(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def events(body: bytes) -> list[bytes]:
    """The data of each event in a chunked body."""
    raw = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        raw, body = raw + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return [data_of(event) for event in events_of(raw)]


def test_equal_questions_get_equal_answers_and_others_do_not() -> None:
    """The text follows from the seed and the messages alone."""
    assert reply_to(ASK, 3).text == reply_to(ASK | {"stream": True}, 3).text
    assert reply_to(ASK, 3).text != reply_to(ASK, 4).text
    assert reply_to(ASK, 3).text != reply_to({"messages": [{"role": "user", "content": "else"}]}, 3).text


def test_a_whole_answer_counts_its_words() -> None:
    """Usage is exact: words in, words out, and their sum."""
    caller, _ = ask(ASK)
    status, headers, body = parts(caller.data)
    answer = msgspec.json.decode(body)

    assert 200 == status
    assert str(len(body)) == headers["content-length"]
    assert 4 == answer["usage"]["prompt_tokens"]
    assert len(answer["choices"][0]["message"]["content"].split()) == answer["usage"]["completion_tokens"]
    assert answer["usage"]["total_tokens"] == answer["usage"]["completion_tokens"] + 4


def test_a_stream_says_what_the_whole_answer_says() -> None:
    """The deltas joined are the text; without being asked no event speaks of usage."""
    caller, _ = ask(ASK | {"stream": True})
    _, headers, body = parts(caller.data)
    found = events(body)
    chunks = [msgspec.json.decode(data) for data in found[:-1]]

    assert "text/event-stream" == headers["content-type"]
    assert b"[DONE]" == found[-1]
    assert reply_to(ASK, 3).text == "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert "stop" == chunks[-1]["choices"][0]["finish_reason"]
    assert b"usage" not in body


def test_usage_in_a_stream_is_null_on_each_chunk_and_comes_last_without_choices() -> None:
    """As OpenAI does it where ``include_usage`` is set."""
    caller, _ = ask(ASK | {"stream": True, "stream_options": {"include_usage": True}})
    chunks = [msgspec.json.decode(data) for data in events(parts(caller.data)[2])[:-1]]

    assert [None] * (len(chunks) - 1) == [chunk["usage"] for chunk in chunks[:-1]]
    assert [] == chunks[-1]["choices"]
    assert 4 == chunks[-1]["usage"]["prompt_tokens"]


def test_pace_is_the_scripts_to_the_microsecond() -> None:
    """Half a second to the first token, then ten tokens a second."""
    caller, upstream = ask(ASK | {"stream": True}, Step(first_token_s=0.5, tokens_per_s=10, tokens=5))
    one = upstream.log[0]

    assert b"[DONE]" in caller.data
    assert EPOCH_US == one.first_us  # the head and the role go at once
    assert EPOCH_US + 500_000 + 5 * 100_000 == one.ended_us
    assert ("complete", 5) == (one.ended, one.tokens)


@pytest.mark.parametrize("do", ["reset", "hang_up", "silent"])
def test_no_byte_comes_before_some_failures(do: Do) -> None:
    """Reset, orderly close and silence differ in how the connection ends, not in what is said."""
    caller, upstream = ask(ASK, Step(do))

    assert b"" == caller.data
    assert {"reset": "reset", "hang_up": "closed", "silent": ""}[do] == caller.over
    assert {"reset": "reset", "hang_up": "closed", "silent": ""}[do] == upstream.log[0].ended


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after", range(4))
def test_a_cut_stream_has_sent_exactly_k_tokens(after: int, reset: bool) -> None:
    """No finish, no [DONE], no last chunk; FIN or RST as told."""
    caller, upstream = ask(ASK | {"stream": True}, Step("cut", events=after, reset=reset, tokens=4))

    assert after == upstream.log[0].tokens == caller.data.count(b'"delta":{"content":"')
    assert not caller.data.endswith(b"0\r\n\r\n")
    assert b"[DONE]" not in caller.data
    assert ("reset" if reset else "closed") == caller.over


def test_a_stalled_stream_resumes_when_the_script_says_so() -> None:
    """Silence in the middle, then the rest; without an end of the silence the rest never comes."""
    resumed, _ = ask(ASK | {"stream": True}, Step("stall", events=2, stall_s=20))
    silent, upstream = ask(ASK | {"stream": True}, Step("stall", events=2))

    assert b"[DONE]" in resumed.data
    assert b"[DONE]" not in silent.data
    assert (2, "", "") == (upstream.log[0].tokens, upstream.log[0].ended, silent.over)


def test_an_error_in_a_stream_is_an_event_after_k_tokens() -> None:
    """The HTTP exchange itself is complete, so only the content tells."""
    caller, _ = ask(ASK | {"stream": True}, Step("stream_error", events=1, message="overloaded", code="x"))
    last = msgspec.json.decode(events(parts(caller.data)[2])[-1])

    assert caller.data.endswith(b"0\r\n\r\n")
    assert ("overloaded", "x") == (last["error"]["message"], last["error"]["code"])


@pytest.mark.parametrize(
    ("step", "status", "mark"),
    [
        (Step("status", status=429, retry_after="7"), 429, b"retry-after: 7"),
        (Step("status", status=500), 500, b'"type":"server_error"'),
        (Step("redirect"), 307, b"location: http://169.254.169.254/"),
        (Step("error_body", message="broken inside"), 200, b'{"error":{"message":"broken inside"'),
        (Step("html"), 200, b"<html>"),
        (Step("header_bomb", events=3000), 200, b"x-bomb-2999: boom"),
    ],
)
def test_odd_answers_are_as_told(step: Step, status: int, mark: bytes) -> None:
    """Each is a complete HTTP answer of its own kind."""
    caller, upstream = ask(ASK, step)

    assert status == parts(caller.data)[0]
    assert mark in caller.data
    assert "complete" == upstream.log[0].ended


def test_a_malformed_answer_is_no_json() -> None:
    """The length is right, so only a parser of the content can tell."""
    _, headers, body = parts(ask(ASK, Step("malformed"))[0].data)

    assert str(len(body)) == headers["content-length"]
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body)


def test_tools_get_a_call_and_its_result_gets_words() -> None:
    """Arguments follow the tool's schema, in the stream as in the whole answer."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    whole = msgspec.json.decode(parts(ask(ASK | {"tools": tools})[0].data)[2])["choices"][0]
    streamed = [
        msgspec.json.decode(data) for data in events(parts(ask(ASK | {"tools": tools, "stream": True})[0].data)[2])[:-1]
    ]
    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in streamed[1:-1]]
    arguments = "".join(call["function"]["arguments"] for call in calls)

    assert "tool_calls" == whole["finish_reason"] == streamed[-1]["choices"][0]["finish_reason"]
    assert "weather" == whole["message"]["tool_calls"][0]["function"]["name"] == calls[0]["function"]["name"]
    assert whole["message"]["tool_calls"][0]["function"]["arguments"] == arguments
    assert {"city", "days"} == set(msgspec.json.decode(arguments))
    answered = ASK["messages"] + [{"role": "tool", "tool_call_id": "x", "content": "12 degrees"}]
    assert "" == reply_to({"messages": answered, "tools": tools}, 3).tool


def test_json_follows_the_schema_it_is_asked_for() -> None:
    """References, enums, arrays and unions are filled with values that fit."""
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "$defs": {"item": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = msgspec.json.decode(reply_to(ASK | {"response_format": form}, 3).text)

    assert answer["kind"] in ("a", "b")
    assert all(item["n"] >= 5 for item in answer["items"])
    assert len(answer["items"]) == 2
    assert answer["note"] is None or isinstance(answer["note"], str)


def test_a_schema_that_contains_itself_ends() -> None:
    """Recursion is cut at a fixed depth."""
    node: dict[str, Any] = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
    }

    assert "next" in example({"$ref": "#/$defs/node", "$defs": {"node": node}}, Dice(1))


def test_embeddings_come_as_numbers_or_packed_and_are_the_same() -> None:
    """float32 holds every component exactly, so both forms agree."""
    body = {"model": "e", "input": ["one two", "three"], "dimensions": 4}
    plain = msgspec.json.decode(parts(ask(body, path="/v1/embeddings")[0].data)[2])
    coded = msgspec.json.decode(parts(ask(body | {"encoding_format": "base64"}, path="/v1/embeddings")[0].data)[2])

    assert [embedding("one two", 3, 4), embedding("three", 3, 4)] == [row["embedding"] for row in plain["data"]]
    assert [packed(row["embedding"]) for row in plain["data"]] == [row["embedding"] for row in coded["data"]]
    assert {"prompt_tokens": 3, "total_tokens": 3} == plain["usage"]


def test_vision_parts_are_accepted_and_only_text_is_counted() -> None:
    """An image is not a word."""
    parts_ = [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]

    assert 3 == prompt_tokens({"messages": [{"role": "user", "content": parts_}]})


def test_the_log_holds_the_head_byte_for_byte() -> None:
    """Case, order and spaces of header lines stand in the log as they came."""
    raw = b"POST /v1/chat/completions HTTP/1.1\r\nHost:sim\r\nX-Odd:  a b \r\ncontent-length: 2\r\n\r\n{}"
    _, upstream = send(raw)

    assert raw[:-2] == upstream.log[0].head
    assert b"{}" == upstream.log[0].body
    assert "a b" == upstream.log[0].headers["x-odd"]


@pytest.mark.parametrize(
    "lines", [b"content-length: 2\r\ncontent-length: 3", b"transfer-encoding: chunked", b"content-length: +2"]
)
def test_framing_that_no_gateway_should_send_is_refused_and_logged(lines: bytes) -> None:
    """A smuggled request would show up here."""
    caller, upstream = send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\n%b\r\n\r\n{}" % lines)

    assert 400 == parts(caller.data)[0]
    assert "closed" == caller.over
    assert "closed" == upstream.log[0].ended


def test_steps_are_used_up_one_by_one_then_the_model_decides_then_the_standing_one() -> None:
    """The order in which a script answers."""

    async def main(clock: VirtualClock) -> list[int]:
        upstream = Upstream("us", clock, standing=Step("status", status=503))
        upstream.script.by_model["slow"] = Step("status", status=500)
        upstream.script.then([Step("status", status=429)])
        caller = Caller()
        mine, _ = connect_pair(clock, caller, UpstreamConnection(upstream))
        for model in ("slow", "slow", "other"):
            mine.write(post(ASK | {"model": model}))
        await clock.sleep(1)
        return [one.step.status for one in upstream.log]

    assert [429, 500, 503] == run(main, 1)


def test_a_caller_that_goes_is_logged_with_the_time() -> None:
    """The witness of every promise about cancelling."""

    async def main(clock: VirtualClock) -> tuple[str, int, int]:
        upstream = Upstream("us", clock, standing=Step(tokens_per_s=10, tokens=100))
        mine, _ = connect_pair(clock, Caller(), UpstreamConnection(upstream), latency_s=0.002)
        mine.write(post(ASK | {"stream": True}))
        await clock.sleep(1)
        mine.abort()
        one = await upstream.end_of(1)
        return one.ended, one.ended_us - EPOCH_US, upstream.open_connections

    assert ("client_gone", 1_002_000, 0) == run(main, 1)


def test_orders_change_the_script_and_bad_ones_are_refused() -> None:
    """``POST /_sim`` merges models, queues steps, replaces the standing step; an unknown field is an error."""

    async def main(clock: VirtualClock) -> tuple[Upstream, bytes]:
        upstream = Upstream("us", clock)
        caller = Caller()
        mine, _ = connect_pair(clock, caller, UpstreamConnection(upstream))
        mine.write(post({"standing": {"do": "status", "status": 500}, "by_model": {"m": {"do": "reset"}}}, "/_sim"))
        await clock.sleep(0.1)
        mine.write(post({"standign": {}}, "/_sim"))
        await clock.sleep(0.1)
        return upstream, caller.data

    upstream, said = run(main, 1)

    assert Step("status", status=500) == upstream.script.standing
    assert Step("reset") == upstream.script.by_model["m"]
    assert b"HTTP/1.1 400" in said
    assert b"standign" in said
    assert 0 == upstream.counts["requests"]
