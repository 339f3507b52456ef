"""What vendors do differently, each in the smallest form that shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.wire.conversation.answer import Answer, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Cite, Counted, Done, Event, Fault, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Citation,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from poise.wire.openai.codec import OpenAIChat

CODEC = OpenAIChat()


def _stream(*chunks: dict[str, Any] | bytes) -> list[Event]:
    reader = CODEC.event_reader()
    events: list[Event] = []
    for chunk in chunks:
        events += reader.feed(chunk if isinstance(chunk, bytes) else b"data: " + json.dumps(chunk).encode() + b"\n\n")
    return events + reader.close()


def _delta(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def _answer(events: list[Event]) -> Answer:
    assembler = Assembler("openai")
    assembler.feed(events)
    assert assembler.fault is None
    assert assembler.done
    return assembler.finish()


def _ask(**body: Any) -> Ask:  # noqa: ANN401  # JSON
    return CODEC.read_ask(json.dumps({"model": "m", "messages": [], **body}).encode())


def _written(ask: Ask, manner: Manner | None = None, lost: Lost | None = None) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(CODEC.write_ask(ask, lost or Lost(), manner or Manner()))
    return out


DONE = b"data: [DONE]\n\n"
STOP = _delta({}, "stop")


@pytest.mark.parametrize(
    ("chunk", "text", "code", "status"),
    [
        ({"error": {"message": "no", "type": "server_error", "code": None}}, "no", "server_error", 0),
        ({"error": {"message": "no", "code": 502}, "choices": [{"delta": {"content": ""}}]}, "no", "502", 502),
        ({"error": "no", "code": "invalid"}, "no", "invalid", 0),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, "no", "400", 400),
        ({"detail": "no"}, "no", "", 0),
        ({"message": "no", "request_id": "r"}, "no", "", 0),
        (b'event: error\ndata: {"message": "no", "status_code": 500}\n\n', "no", "", 500),
        (b'event: error\ndata: {"error": {"message": "no", "status_code": 400, "code": "x"}}\n\n', "no", "x", 400),
        (b'{"error": {"message": "no"}}\n\n', "no", "", 0),
    ],
)
def test_an_error_in_a_stream_is_a_fault(chunk: Any, text: str, code: str, status: int) -> None:  # noqa: ANN401  # JSON
    """In every form that vendors have; whatever follows, [DONE] above all, does not make it whole."""
    events = _stream(_delta({"content": "a"}), chunk, STOP, DONE)

    assert Fault(text, code, status) == events[-1]
    assert not any(isinstance(event, Done) for event in events)


def test_an_error_beside_choices_comes_behind_their_text() -> None:
    events = _stream({**_delta({"content": "last words"}, "error"), "error": {"code": 429, "message": "slow down"}})

    assert Fault("slow down", "429", 429) == events[-1]
    assert Start("i", "m", 0, "openai") == events[0]
    assert "last words" in str(events)


def test_a_stream_without_done_is_complete_where_each_choice_has_ended() -> None:
    """Perplexity and Writer send no [DONE]; with two choices, one ending is not enough."""
    second = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]}
    ended = {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}

    assert isinstance(_stream(_delta({"content": "a"}), STOP)[-1], Done)
    assert not isinstance(_stream(_delta({"content": "a"}), second, STOP)[-1], Done)
    assert isinstance(_stream(_delta({"content": "a"}), second, STOP, ended)[-1], Done)


def test_done_without_an_ending_ends_what_was_said() -> None:
    assert Ending.STOP is _answer(_stream(_delta({"content": "a"}), DONE)).choices[0].ending
    called = _delta({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]})
    assert Ending.TOOL_CALLS is _answer(_stream(called, DONE)).choices[0].ending
    assert Fault("the stream ended without an answer", "empty_stream") == _stream(DONE)[-1]


def test_an_ending_said_twice_is_one_and_usage_may_follow() -> None:
    """OpenRouter: finish_reason on two chunks, the second with usage and a choice."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    answer = _answer(_stream(_delta({"content": "a"}), STOP, _delta({"role": "assistant"}, "stop", usage=usage), DONE))

    assert [Ending.STOP] == [choice.ending for choice in answer.choices]
    assert Usage(input=3, output=4) == answer.usage


def test_usage_is_found_where_each_vendor_puts_it() -> None:
    """Groq's x_groq, usage on every chunk, and null on all but the last."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    for more in ({"x_groq": {"usage": usage}}, {"usage": usage}, {"usage": usage, "x_groq": {"id": "r"}}):
        events = _stream(_delta({"content": "a"}, usage=None), _delta({}, "stop", **more), _delta({}, **more), DONE)
        assert [Counted(Usage(input=3, output=4))] == [event for event in events if isinstance(event, Counted)]


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4},
            Usage(input=5, cached=4, output=5),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4}, Usage(input=5, cached=4, output=5)),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}},
            Usage(input=9, output=2, reasoning=3),
        ),
        (  # xAI
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input=9, output=5, reasoning=3),
        ),
        (  # Mistral
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 114,
                "prompt_tokens_details": {"audio_tokens": 100},
            },
            Usage(input=9, output=5, audio_input=100),
        ),
        (  # Grok on Azure counts more as cached than it charges for
            {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 163}},
            Usage(cached=7, output=1),
        ),
        ({"prompt_tokens": -1, "completion_tokens": "x"}, Usage(sure=False)),
    ],
)
def test_each_token_is_in_one_bucket(raw: dict[str, Any], usage: Usage) -> None:
    events = _stream(_delta({"content": "a"}, "stop", usage=raw), DONE)

    assert [Counted(usage)] == [event for event in events if isinstance(event, Counted)]


def test_calls_are_told_apart_by_index_and_by_id() -> None:
    """Qwen repeats ``id: ""``; some servers give every call the index 0, Mistral none; a name may come late."""
    pieces: list[dict[str, Any]] = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "id": "", "function": {"name": "", "arguments": '{"x":'}},
        {"index": 0, "id": "", "function": {"name": None, "arguments": "1}"}},
        {"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}},
        {"id": "c", "function": {"name": "h", "arguments": {"y": 2}}},
        {"index": 9, "id": "d", "function": {"arguments": "{"}},
        {"index": 9, "function": {"name": "k", "arguments": "}"}},
    ]
    chunks = [_delta({"role": None, "content": None, "tool_calls": [piece]}) for piece in pieces]
    parts = _answer(_stream(*chunks, _delta({}, "tool_calls"), DONE)).choices[0].parts

    assert [
        ToolCall(name="f", arguments='{"x":1}', id="a"),
        ToolCall(name="g", arguments="{}", id="b"),
        ToolCall(name="h", arguments='{"y":2}', id="c"),
        ToolCall(name="k", arguments="{}", id="d"),
    ] == parts


def test_calls_may_grow_side_by_side() -> None:
    def piece(index: int, text: str) -> dict[str, Any]:
        return _delta({"tool_calls": [{"index": index, "function": {"arguments": text}}]})

    first = _delta({"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": "f"}} for n in (0, 1)]})
    parts = _answer(_stream(first, piece(1, "[1"), piece(0, "[0"), piece(1, "]"), piece(0, "]"), DONE)).choices[0].parts

    assert ["[0]", "[1]"] == [part.arguments for part in parts if isinstance(part, ToolCall)]


def test_a_whole_message_in_a_chunk_is_read_and_one_beside_a_delta_is_not() -> None:
    beside = {
        "choices": [{"index": 0, "delta": {"content": "a"}, "message": {"content": "a"}, "finish_reason": "stop"}]
    }
    alone = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}
    for chunk in (beside, alone):
        assert [Text(text="a")] == _answer(_stream(chunk, DONE)).choices[0].parts


def test_thought_and_text_in_typed_lists() -> None:
    """Mistral: content as a list, also in pieces."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": False}
    content = [thinking, {"type": "text", "text": "yes"}]
    assert [Reasoning(text="hm"), Text(text="yes")] == _answer(
        _stream(_delta({"content": content}), _delta({"content": ""}, "stop"), DONE)
    ).choices[0].parts


def test_seals_are_kept_with_the_thought_they_seal() -> None:
    """OpenRouter: text and signature in reasoning_details, sealed thought by itself; and written so again."""
    events = _stream(
        _delta({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]}),
        _delta({"reasoning_details": [{"type": "reasoning.text", "signature": "sig", "index": 0}]}),
        _delta({"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz", "id": "r1", "index": 1}]}),
        _delta({"content": "yes"}, "stop"),
        DONE,
    )
    wanted = [Reasoning(text="hm", signature="sig"), Reasoning(sealed="xyz", id="r1"), Text(text="yes")]
    assert wanted == _answer(events).choices[0].parts
    assert any(isinstance(event, Seal) for event in events)
    again = CODEC.event_writer(_ask()).write(events)
    assert wanted == _answer(CODEC.event_reader().feed(again)).choices[0].parts


def test_sources_are_citations() -> None:
    """As annotations, or as Perplexity's addresses beside the choices."""
    note = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1, "end_index": 2}}
    noted = _stream(_delta({"content": "a"}), _delta({"annotations": [note]}, "stop"), DONE)
    beside = _stream(_delta({"content": "a"}, "stop", citations=["u"]), DONE)

    assert [Citation(url="u", title="t", start=1, end=2)] == [e.citation for e in noted if isinstance(e, Cite)]
    assert ["u"] == [e.citation.url for e in beside if isinstance(e, Cite)]


def test_comments_line_ends_and_azure_s_empty_chunk_say_nothing() -> None:
    azure = {"id": "", "model": "", "object": "", "created": 0, "choices": [], "prompt_filter_results": []}
    said = json.dumps(_delta({"content": "a"}, "stop")).encode()
    events = _stream(b": OPENROUTER PROCESSING\n\n", azure, b"data:" + said + b"\r\n\r\n", b"data: [DONE]\r\n\r\n")

    assert Start("i", "m", 0, "openai") == events[0]
    assert [Text(text="a")] == _answer(events).choices[0].parts


def test_a_legacy_call_is_read_and_answered_in_kind() -> None:
    """A client that sent ``functions`` gets ``function_call`` and its ending."""
    ask = _ask(functions=[{"name": "f", "parameters": {}}], function_call="auto", stream=True)
    events = _stream(
        _delta({"function_call": {"name": "f", "arguments": ""}}),
        _delta({"function_call": {"arguments": "{}"}}),
        _delta({}, "function_call"),
        DONE,
    )
    body = CODEC.event_writer(ask).write(events)

    assert [ToolCall(name="f", arguments="{}")] == _answer(events).choices[0].parts
    assert b'"function_call":{"arguments":"{}"}' in body
    assert b'"finish_reason":"function_call"' in body
    assert b"tool_calls" not in body


def test_usage_is_streamed_only_to_who_asked() -> None:
    events = _stream(_delta({"content": "a"}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2}), DONE)
    asked = CODEC.event_writer(_ask(stream_options={"include_usage": True})).write(events)
    silent = CODEC.event_writer(_ask()).write(events)

    assert b'"choices":[],"usage":{"prompt_tokens":1' in asked
    assert b"usage" not in silent


def test_a_fault_is_a_bare_error_and_the_last_word() -> None:
    writer = CODEC.event_writer(_ask())
    body = writer.write([Start("i", "m"), Open(0, Text(text="a")), Fault("broke", "x"), Done()])

    assert body.endswith(
        b'data: {"error":{"message":"broke","type":"upstream_error","param":null,"code":"x"}}\n\n',
    )
    assert b"" == writer.write([Done()])


def test_an_ending_that_nobody_knows_is_stop_where_something_was_said() -> None:
    odd = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "tired"}
    choice = CODEC.read_answer(json.dumps({"choices": [odd]}).encode()).choices[0]

    assert (Ending.STOP, "tired") == (choice.ending, choice.said)
    assert Ending.STOP is _answer(_stream(_delta({"content": "a"}, "tired"), DONE)).choices[0].ending


def test_a_refusal_is_an_ending_of_its_own() -> None:
    events = _stream(_delta({"refusal": "I"}), _delta({"refusal": " won't"}), STOP, DONE)
    choice = _answer(events).choices[0]

    assert [Refusal(text="I won't")] == choice.parts
    assert (Ending.REFUSAL, "stop") == (choice.ending, choice.said)


def test_a_stop_string_is_told_as_vllm_tells_it() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": "END"}]}
    choice = _answer(_stream(chunk, DONE)).choices[0]
    assert (Ending.STOP_SEQUENCE, "END") == (choice.ending, choice.stopped_by)
