"""Endings, errors, usage and quirks of answers in the responses dialect, streamed and not."""

from __future__ import annotations

import json

import pytest

from poise.errors import AttemptFailed, Failure
from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.event import Cite, Done, End, Event, Fault, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Kept, Media, Reasoning, Refusal, Text, ToolCall
from poise.wire.responses.codec import Responses

CODEC = Responses()
TEXT: dict[str, object] = {
    "type": "message",
    "role": "assistant",
    "id": "m",
    "content": [{"type": "output_text", "text": "hi"}],
}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
NO = {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "refusal", "refusal": "no"}]}

ENDINGS = [
    ("completed", None, [TEXT], Ending.STOP),
    ("completed", None, [], Ending.STOP),
    ("completed", None, [TEXT, CALL], Ending.TOOL_CALLS),
    ("completed", None, [NO], Ending.REFUSAL),
    ("incomplete", "max_output_tokens", [TEXT, CALL], Ending.LENGTH),
    ("incomplete", "content_filter", [TEXT], Ending.CONTENT_FILTER),
    ("incomplete", "a new word", [TEXT], Ending.STOP),
    ("incomplete", "a new word", [], Ending.UNFINISHED),
    ("incomplete", None, [TEXT], Ending.UNFINISHED),
    ("cancelled", None, [TEXT], Ending.CANCELLED),
    ("queued", None, [], Ending.UNFINISHED),
    ("in_progress", None, [TEXT], Ending.UNFINISHED),
    ("a new word", None, [TEXT], Ending.STOP),
]


def _response(status: str, reason: str | None, output: list[dict[str, object]]) -> dict[str, object]:
    details = None if reason is None else {"reason": reason}
    return {
        "object": "response",
        "id": "r",
        "model": "m",
        "status": status,
        "incomplete_details": details,
        "output": output,
    }


def _events(*values: object) -> list[Event]:
    return CODEC.event_reader().feed(b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values))


def _assembled(events: list[Event]) -> Answer:
    assembler = Assembler("responses")
    assembler.feed(events)
    return assembler.finish()


@pytest.mark.parametrize(("status", "reason", "output", "ending"), ENDINGS)
def test_whole_answers_end_as_they_say(
    status: str, reason: str | None, output: list[dict[str, object]], ending: Ending
) -> None:
    """By status, reason and what they hold; a word that nobody knows is kept."""
    body = json.dumps(_response(status, reason, output)).encode()
    answer = CODEC.read_answer(body)

    assert ending == answer.choices[0].ending
    assert (reason or status) == answer.choices[0].said
    assert json.loads(body) == json.loads(CODEC.write_answer(answer, Lost()))


@pytest.mark.parametrize(("status", "reason", "output", "ending"), ENDINGS)
def test_streams_end_as_they_say(
    status: str, reason: str | None, output: list[dict[str, object]], ending: Ending
) -> None:
    """The same, where all stands in the last event only."""
    kind = "response.incomplete" if status in ("incomplete", "cancelled") else "response.completed"
    events = _events({"type": kind, "response": _response(status, reason, output)})

    assert isinstance(events[-1], Done)
    assert ending == _assembled(events).choices[0].ending


@pytest.mark.parametrize("ending", [e for e in Ending if e is not Ending.ERROR])
def test_every_ending_has_a_counterpart(ending: Ending) -> None:
    """Whole and streamed alike. What there is no word for becomes complete; a wordless refusal looks filtered."""
    expected = {
        Ending.STOP_SEQUENCE: Ending.STOP,
        Ending.TOOL_CALLS: Ending.STOP,  # there is none
        Ending.REFUSAL: Ending.CONTENT_FILTER,
    }.get(ending, ending)
    answer = Answer(spoken="another", choices=[Choice(parts=[Text(text="x")], ending=ending)])
    whole = CODEC.read_answer(CODEC.write_answer(answer, Lost()))
    writer = CODEC.event_writer(Ask(spoken="responses", messages=[]))
    streamed = CODEC.event_reader().feed(writer.write([Start(), Open(0, Text(text="x")), End(ending), Done()]))

    assert expected == whole.choices[0].ending
    assert [expected] == [event.ending for event in streamed if isinstance(event, End)]


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}, "output": []}, Failure.SERVER),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "x"}, "output": []}, Failure.RATE),
        ({"error": {"code": "insufficient_quota", "message": "x"}}, Failure.QUOTA),
    ],
)
def test_a_failure_in_a_200_is_what_its_error_says(body: dict[str, object], failure: Failure) -> None:
    """So that another target may be tried."""
    with pytest.raises(AttemptFailed) as caught:
        CODEC.read_answer(json.dumps(body).encode())

    assert failure == caught.value.failure


@pytest.mark.parametrize(
    ("said", "text", "code"),
    [
        ({"type": "error", "code": "server_error", "message": "broke", "param": None}, "broke", "server_error"),
        ({"type": "error", "error": {"type": "overloaded", "message": "broke"}}, "broke", "overloaded"),
        ({"error": {"code": 502, "message": "broke"}}, "broke", "502"),
        ({"error": "broke"}, "broke", ""),
        ({"type": "response.failed", "response": {"error": {"code": "c", "message": "broke"}}}, "broke", "c"),
        ({"type": "response.failed", "response": {"error": None}}, "the provider says that the answer failed", ""),
        ({"type": "response.completed", "response": {"status": "failed", "error": {"message": "broke"}}}, "broke", ""),
    ],
)
def test_an_error_within_a_stream_is_a_fault(said: dict[str, object], text: str, code: str) -> None:
    """In each shape that vendors give it; nothing that follows makes the answer complete."""
    events = _events(
        {"type": "response.created", "response": {"id": "r"}},
        said,
        {"type": "response.failed", "response": {"error": {"message": "again"}}},
        {"type": "response.completed", "response": _response("completed", None, [TEXT])},
    )

    assert [Start("r", spoken="responses"), Fault(text, code)] == events


def test_nothing_counts_behind_the_end() -> None:
    """A second answer on the same stream, or pieces that come late, are not heard."""
    end = {"type": "response.completed", "response": _response("completed", None, [])}
    late = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x"}

    assert 1 == sum(isinstance(event, Done) for event in _events(end, late, end))
    assert not any(isinstance(event, Grow) for event in _events(end, late))


def test_what_was_not_announced_is_read_all_the_same() -> None:
    """Pieces without their ``added`` events; calls, thought and images that come whole."""
    done = "response.output_item.done"
    thought = {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": "s"}],
        "encrypted_content": "e",
    }
    events = _events(
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 1, "delta": "b"},
        {"type": done, "output_index": 1, "item": CALL},
        {"type": done, "output_index": 2, "item": thought},
        {"type": done, "output_index": 3, "item": {"type": "image_generation_call", "id": "i", "result": "aGk="}},
        {"type": done, "output_index": 4, "item": {**TEXT, "content": [{"type": "output_audio", "data": "x"}]}},
        {"type": done, "output_index": 4, "item": TEXT},
        {"type": "response.completed", "response": _response("completed", None, [])},
    )
    parts = _assembled(events).choices[0].parts

    assert [Text, Refusal, ToolCall, Reasoning, Media, Kept] == [type(part) for part in parts]
    assert ["s"] == [part.text for part in parts if isinstance(part, Reasoning)]
    assert ["e"] == [part.sealed for part in parts if isinstance(part, Reasoning)]


def test_citations_are_told_once() -> None:
    """Whether they came as events, with the part's end, or both."""
    first = {"type": "url_citation", "url": "https://x.org/1", "title": "1", "start_index": 0, "end_index": 1}
    second = {**first, "url": "https://x.org/2"}
    at = {"output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "a", "annotations": [first, second]}
    events = _events(
        {"type": "response.output_text.delta", "delta": "a", **at},
        {"type": "response.output_text.annotation.added", "annotation": first, **at},
        {"type": "response.content_part.done", "part": part, **at},
        {"type": "response.output_item.done", "output_index": 0, "item": {**TEXT, "content": [part]}},
    )

    assert ["https://x.org/1", "https://x.org/2"] == [e.citation.url for e in events if isinstance(e, Cite)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
                "output_tokens": 50,
                "output_tokens_details": {"reasoning_tokens": 40},
                "total_tokens": 150,
            },
            (50, 30, 20, 10, 40),
        ),
        ({"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 3}}, (1, 0, 0, 2, 3)),
        (
            {
                "input_tokens": 1,
                "output_tokens": 9,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 13,
            },
            (1, 0, 0, 9, 3),
        ),
        ({"input_tokens": -1, "output_tokens": True, "input_tokens_details": None}, (0, 0, 0, 0, 0)),
        ({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}}, (0, 5, 0, 0, 0)),
    ],
)
def test_usage_is_counted_in_one_bucket_each(said: dict[str, object], expected: tuple[int, ...]) -> None:
    """Cached and written tokens stand inside the input, reasoning inside the output unless the figures say otherwise."""
    body = {**_response("completed", None, [TEXT]), "usage": said}
    answer = CODEC.read_answer(json.dumps(body).encode())

    assert answer.usage is not None
    usage = answer.usage
    assert expected == (usage.input, usage.cached, usage.cache_write, usage.output, usage.reasoning)
    assert body == json.loads(CODEC.write_answer(answer, Lost()))


def test_losses_of_another_dialect_s_answer_are_named() -> None:
    """Further choices, kept parts, sounds, citations without a URL, and what its rest says."""
    answer = Answer(
        spoken="another",
        choices=[
            Choice(
                parts=[
                    Text(text="x", citations=[Citation(quoted="q")], signature="s"),
                    Media(kind="audio", media_type="audio/wav", data="aGk="),
                    Kept(what="executableCode", value={}),
                ],
                rest={"avgLogprobs": -1},
            ),
            Choice(parts=[]),
        ],
        usage=Usage(rest={"trafficType": "x"}),
        rest={"promptFeedback": {"x": 1}},
    )
    lost = Lost()
    CODEC.write_answer(answer, lost)

    assert {
        "choices[1]",
        "output.content[0].citations",
        "output.content[0]",
        "output.content[1]",
        "output.content[2]",
        "choices[0].avgLogprobs",
        "usage.trafficType",
        "promptFeedback",
    } == {loss.where for loss in lost.losses}
