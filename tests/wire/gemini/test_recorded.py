"""Google's recorded traffic: read and written again it is equal, every ending and every error is known."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from poise.errors import Failure
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Done, Event
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Reasoning, Text, ToolCall
from poise.wire.gemini import Gemini, count, failure
from poise.wire.gemini.endings import ENDINGS, word_of
from poise.wire.sse import Splitter
from tests.recordings import exchanges
from tests.wire.crossing.plain import of_answer

WHOLE = ["gemini.generateContent", "vertex.generateContent"]
STREAMED = ["gemini.streamGenerateContent", "vertex.streamGenerateContent"]
COUNTED = ["gemini.countTokens", "vertex.countTokens"]
# How many exchanges were seen when this was written; a test that sees fewer has lost some.
ASKS = dict(zip([*WHOLE, *STREAMED, *COUNTED], [159, 51, 87, 8, 2, 1], strict=True))
ANSWERS = dict(zip([*WHOLE, *STREAMED], [151, 61, 103, 17], strict=True))
ERRORS = dict(zip([*WHOLE, *STREAMED], [18, 19, 1, 3], strict=True))

CODEC = Gemini()


def _bytes(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _model(row: dict[str, Any]) -> str:
    found = re.search(r"models/([^:/?]+)", row["request"]["path"])
    return found.group(1) if found else ""


def _succeeded(endpoint: str) -> list[dict[str, Any]]:
    return [row for row in exchanges(endpoint) if row["response"]["status"] == 200]


def _events(raw: bytes, cuts: list[int]) -> list[Event]:
    """As a connection reads them: whole events, then what was left, then the end."""
    reader, splitter = CODEC.event_reader(), Splitter()
    events: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        if raw[:1] == b"[":
            events += reader.feed(raw[start:end])
        elif whole := splitter.feed(raw[start:end]):
            events += reader.feed(whole)
    if splitter.tail:
        events += reader.feed(splitter.tail)
    return [*events, *reader.close()]


def _assembled(events: list[Event]) -> Assembler:
    assembler = Assembler("gemini")
    assembler.feed(events)
    assembler.finish()
    return assembler


def _chunks(raw: bytes) -> list[Any]:
    """What a stream says, read with nothing but json."""
    if raw[:1] == b"[":
        return list(json.loads(raw))
    return [json.loads(line[5:]) for line in raw.decode().splitlines() if line.startswith("data:")]


@pytest.mark.parametrize("endpoint", [*WHOLE, *STREAMED, *COUNTED])
def test_requests_are_written_as_they_were_read(endpoint: str) -> None:
    """Every recorded request, either spelling, any form, gives equal JSON and loses nothing."""
    seen = 0
    for row in exchanges(endpoint):
        said = row["request"]["body"]
        if said is None:
            continue
        seen += 1
        lost = Lost()
        ask = CODEC.read_ask(json.dumps(said).encode(), model=_model(row), stream=row["stream"])
        written = json.loads(CODEC.write_ask(ask, lost, Manner()))

        assert said == written, row["id"]
        assert [] == lost.losses, row["id"]
    assert seen >= ASKS[endpoint]


@pytest.mark.parametrize("endpoint", [*WHOLE, *STREAMED])
def test_requests_are_read_for_what_they_say(endpoint: str) -> None:
    """Texts, calls and tools of each recorded request, counted by hand in its JSON, are all in the model."""
    for row in exchanges(endpoint):
        said = row["request"]["body"]
        if said is None:
            continue
        ask = CODEC.read_ask(json.dumps(said).encode())
        flat = json.dumps(said["contents"])

        assert _by_hand(said) == _texts(ask), row["id"]
        calls = [part for message in ask.messages for part in message.parts if isinstance(part, ToolCall)]
        assert len(re.findall(r'"function_?[Cc]all": ', flat)) == len(calls), row["id"]


def _by_hand(said: dict[str, Any]) -> list[str]:
    contents = said["contents"]
    found = []
    for content in contents if isinstance(contents, list) else [contents]:
        parts = content["parts"]
        found += [part["text"] for part in (parts if isinstance(parts, list) else [parts]) if "text" in part]
    return found


def _texts(ask: Ask) -> list[str]:
    turns = [message for message in ask.messages if message.role != "system"]
    return [part.text for turn in turns for part in turn.parts if isinstance(part, Text | Reasoning)]


@pytest.mark.parametrize("endpoint", WHOLE)
def test_whole_answers_are_written_as_they_were_read(endpoint: str) -> None:
    """Every recorded whole answer gives equal JSON, and ended in a way that is in the table."""
    seen = 0
    for row in _succeeded(endpoint):
        seen += 1
        said, lost = row["response"]["body"], Lost()
        answer = CODEC.read_answer(json.dumps(said).encode())

        assert said == json.loads(CODEC.write_answer(answer, lost)), row["id"]
        assert [] == lost.losses, row["id"]
        for candidate in said.get("candidates", []):
            assert "finishReason" not in candidate or word_of(candidate["finishReason"]) in ENDINGS, row["id"]
        _check_usage(answer, said.get("usageMetadata"), row["id"])
    assert seen >= ANSWERS[endpoint]


def _check_usage(answer: Answer, said: dict[str, Any] | None, name: str) -> None:
    """Each bucket once: their sum is the vendor's own total wherever it says one that its own figures add up to."""
    if not said or answer.usage is None:
        assert said is None or answer.usage is not None, name
        return
    figures = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")
    assert sum(said.get(figure, 0) for figure in figures) == answer.usage.total, name
    assert said.get("cachedContentTokenCount", 0) == answer.usage.cached, name
    assert said.get("thoughtsTokenCount", 0) == answer.usage.reasoning, name


@pytest.mark.parametrize("endpoint", STREAMED)
def test_streams_say_the_same_however_they_are_cut(endpoint: str) -> None:
    """At random places, and byte by byte where the stream is short, the events are those of the whole."""
    dice = random.Random(endpoint)
    seen = bytewise = 0
    for row in _succeeded(endpoint):
        raw = _bytes(row["response"]["body"])
        whole = _events(raw, [])
        seen += 1

        for _ in range(3):
            cuts = sorted(dice.sample(range(1, len(raw)), min(30, len(raw) - 1)))
            assert whole == _events(raw, cuts), row["id"]
        if len(raw) < 3000:
            bytewise += 1
            assert whole == _events(raw, list(range(1, len(raw)))), row["id"]
    assert seen >= ANSWERS[endpoint]
    assert bytewise > 3


@pytest.mark.parametrize("endpoint", STREAMED)
def test_streams_are_read_for_what_they_say(endpoint: str) -> None:
    """Text, thought, calls, usage and ending of each stream are those that a few lines find in its JSON."""
    seen = 0
    for row in _succeeded(endpoint):
        raw = _bytes(row["response"]["body"])
        chunks = _chunks(raw)
        got = _assembled(_events(raw, []))
        if "error_in_stream" in row["features"]:
            assert got.fault is not None, row["id"]
            assert ("CANCELLED", 499) == (got.fault.code, got.fault.status), row["id"]
            assert not got.done, row["id"]
            continue
        seen += 1
        parts = [part for choice in got.answer.choices for part in choice.parts]
        said = [p for c in chunks for one in c.get("candidates", []) for p in one.get("content", {}).get("parts", [])]
        reasons = [one["finishReason"] for c in chunks for one in c.get("candidates", []) if "finishReason" in one]
        counted = [c["usageMetadata"] for c in chunks if "usageMetadata" in c]

        assert got.done, row["id"]
        for thought, kind in ((True, Reasoning), (None, Text)):
            by_hand = "".join(p.get("text", "") for p in said if p.get("thought") is thought)
            assert by_hand == "".join(p.text for p in parts if isinstance(p, kind)), row["id"]
        names = [p["functionCall"]["name"] for p in said if p.get("functionCall", {}).get("name")]
        assert names == [p.name for p in parts if isinstance(p, ToolCall)], row["id"]
        assert _arguments(said) == [json.loads(p.arguments) for p in parts if isinstance(p, ToolCall)], row["id"]
        if counted:
            _check_usage(got.answer, counted[-1], row["id"])
        if reasons:
            assert word_of(reasons[-1]) == got.answer.choices[0].said, row["id"]
            assert word_of(reasons[-1]) in ENDINGS, row["id"]
        else:
            assert Ending.CONTENT_FILTER == got.answer.choices[0].ending, row["id"]
    assert seen >= ANSWERS[endpoint] - 1


def _arguments(said: list[Any]) -> list[Any]:
    """The arguments of each call, pieces put together by top level name: no recorded path goes deeper than lists."""
    calls: list[Any] = []
    for part in said:
        call = part.get("functionCall")
        if call is None:
            continue
        if call.get("name"):
            calls.append(dict(call.get("args", {})))
        for piece in call.get("partialArgs", []):
            steps = re.findall(r"\w+", piece["jsonPath"])
            _put(calls[-1], steps, piece)
    return calls


def _put(node: dict[str, Any] | list[Any], steps: list[str], piece: dict[str, Any]) -> None:
    for step, following in zip(steps, [*steps[1:], ""], strict=True):
        key: Any = int(step) if step.isdigit() else step
        while isinstance(node, list) and len(node) <= key:
            node.append(None)
        old = node[key] if isinstance(node, list) else node.get(key)
        if following:
            node[key] = old if old is not None else ([] if following.isdigit() else {})
            node = node[key]
        elif "stringValue" in piece:
            node[key] = (old or "") + piece["stringValue"]
        else:
            node[key] = piece.get("numberValue", piece.get("boolValue"))


@pytest.mark.parametrize("endpoint", STREAMED)
@pytest.mark.parametrize("array", [False, True])
def test_streams_written_again_say_the_same(endpoint: str, array: bool) -> None:
    """What the writer makes of a stream's events is read as the same answer, as SSE and as an array."""
    seen = 0
    for row in _succeeded(endpoint):
        events = _events(_bytes(row["response"]["body"]), [])
        if Done() not in events:
            continue
        ask = Ask(spoken="gemini", messages=[])
        writer = CODEC.array_writer(ask) if array else CODEC.event_writer(ask)
        written = writer.write(events)
        seen += 1

        assert of_answer(_assembled(events).answer) == of_answer(_assembled(_events(written, [])).answer), row["id"]
        assert _assembled(_events(written, [])).done, row["id"]
        assert array == isinstance(json.loads(written) if array else None, list), row["id"]
    assert seen >= ANSWERS[endpoint] - 1


@pytest.mark.parametrize("endpoint", STREAMED)
def test_a_stream_that_was_cut_is_never_complete(endpoint: str) -> None:
    """Without its last bytes, or its last events, an answer is not done - as far as the bytes can tell."""
    cut_bytes = cut_events = 0
    for row in _succeeded(endpoint):
        raw = _bytes(row["response"]["body"])
        body = raw.rstrip()
        for less in (1, 2, 7, 40):
            cut_bytes += 1
            assert Done() not in _events(body[:-less], []), row["id"]
        chunks = _chunks(raw)
        before = chunks[-2] if len(chunks) > 1 else None
        if raw[:1] == b"[" or before is None or before.get("promptFeedback"):
            continue
        if any("finishReason" in one and not _runs(one) for one in before.get("candidates", [])):
            continue  # edited by hand: every chunk says STOP, so only the connection can tell that more was to come
        cut_events += 1
        last = max(raw.rfind(b"data:"), 0)
        assert Done() not in _events(raw[:last], []), row["id"]
    assert cut_bytes > 50
    assert cut_events > 2


def _runs(candidate: dict[str, Any]) -> bool:
    return any("executableCode" in part for part in candidate.get("content", {}).get("parts", []))


@pytest.mark.parametrize("endpoint", [*WHOLE, *STREAMED])
def test_errors_are_classified(endpoint: str) -> None:
    """Each recorded error is one of the failures by what it says, not by its status alone."""
    seen = 0
    for row in exchanges(endpoint):
        status = row["response"]["status"]
        if status == 200:
            continue
        seen += 1
        said = failure.read(status, {}, _bytes(row["response"]["body"]))

        assert status == said.status, row["id"]
        assert _wanted(status, json.dumps(row["response"]["body"])) == said.failure, row["id"]
        assert "$grpcMessage" != said.text, row["id"]
    assert seen >= ERRORS[endpoint]


def _wanted(status: int, text: str) -> Failure:
    """By words that a person would look for."""
    if "API_KEY_INVALID" in text or "unregistered callers" in text or status == 401:
        return Failure.AUTH
    if "token count" in text and status == 400:
        return Failure.CONTEXT_LENGTH
    if "User location" in text or status == 403:
        return Failure.PERMISSION
    if status == 429:
        return Failure.QUOTA if '"quota_limit_value": "0"' in text else Failure.RATE
    return {404: Failure.NOT_FOUND, 500: Failure.SERVER}.get(status, Failure.BAD_REQUEST)


@pytest.mark.parametrize("endpoint", COUNTED)
def test_counted_tokens_are_read(endpoint: str) -> None:
    """The total of each recorded count, and the prompt that was counted."""
    rows = exchanges(endpoint)
    for row in rows:
        total = row["response"]["body"]["totalTokens"]
        assert total == count.read_total(_bytes(row["response"]["body"])), row["id"]
        assert total == count.read_total(count.write_total(total)), row["id"]
        body = row["request"]["body"]
        if body is not None:
            wrapped = {"generateContentRequest": {**body, "model": "models/m"}}
            assert body["contents"][0]["parts"][0]["text"] in _texts(count.read_ask(_bytes(body))), row["id"]
            assert "m" == count.read_ask(_bytes(wrapped)).model, row["id"]
    assert len(rows) >= 2
