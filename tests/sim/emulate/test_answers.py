"""What emulators answer: the same in every dialect, chosen by the request, counted alike; and the project's codecs read it."""

from __future__ import annotations

from typing import Any

import pytest

from poise.sim.emulate.message import Silent, Streamed, Whole
from poise.wire.anthropic.codec import Anthropic
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Codec
from poise.wire.conversation.part import Reasoning, Text, ToolCall
from poise.wire.gemini.codec import Gemini
from poise.wire.openai.codec import OpenAIChat
from poise.wire.responses.codec import Responses
from poise.wire.sse import Splitter
from tests.sim.emulate.asking import ASK, EVERY, json_of, raw_of, said, streamed_text, tools
from tests.sim.emulate.shapes import stream_of

CODECS: dict[str, Codec] = {"chat": OpenAIChat(), "responses": Responses(), "messages": Anthropic(), "gemini": Gemini()}
HARD = 'say "hi"\n\ndata: [DONE]\r\n\r\nevent: error\ndata: {"error": 1}\n\n \u2028\u0085 \U0001f600 end'
ENDINGS = {
    "plain": {Ending.STOP},
    "length": {Ending.LENGTH},
    "refusal": {Ending.REFUSAL, Ending.STOP, Ending.CONTENT_FILTER},
    "filter": {Ending.CONTENT_FILTER, Ending.REFUSAL},
}


def read(dialect: str, answer: Streamed) -> Assembler:
    """A stream as the project's codec takes it."""
    reader, splitter = CODECS[dialect].event_reader(), Splitter()
    assembler = Assembler(CODECS[dialect].name)
    for frame in answer.frames:
        whole = splitter.feed(frame)
        assembler.feed(reader.feed(whole))
    if answer.end == "done":
        assembler.feed(reader.feed(splitter.tail))  # Vertex says its errors without an empty line behind them
        assembler.feed(reader.close())
    return assembler


def text_of(answer: Answer) -> str:
    return "".join(part.text for part in answer.choices[0].parts if isinstance(part, Text))


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_an_answer_repeats_what_was_said_and_counts_words(dialect: str, vendor: str) -> None:
    """Whole and streamed say the same."""
    body = json_of(ASK[dialect](vendor, "three little words"))
    streamed = raw_of(ASK[dialect](vendor, "three little words", stream=True))

    assert ("You said: three little words", [], 3, 5) == said(dialect, body)
    assert "You said: three little words" == streamed_text(dialect, streamed)


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_words_that_look_like_frames_stay_words(dialect: str, vendor: str) -> None:
    """Text with line ends, ends of streams and odd characters comes back whole, and forges nothing."""
    answer = ASK[dialect](vendor, HARD, stream=True)
    assert isinstance(answer, Streamed)
    found = read(dialect, answer)

    assert f"You said: {HARD}" == streamed_text(dialect, raw_of(answer))
    assert found.done
    assert f"You said: {HARD}" == text_of(found.finish())


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_tools_are_called_alike_in_every_dialect(dialect: str, vendor: str) -> None:
    """Words first, then two calls whose arguments fit the schema: the same ones whatever the dialect."""
    offered = tools(dialect, "weather", "news")
    expected = said("chat", json_of(ASK["chat"]("openai", "say:tools", tools=tools("chat", "weather", "news"))))
    answer = ASK[dialect](vendor, "say:tools", tools=offered, stream=True)
    assert isinstance(answer, Streamed)
    assembled = read(dialect, answer).finish()
    calls = [part for part in assembled.choices[0].parts if isinstance(part, ToolCall)]

    assert ["weather", "news"] == [name for name, _ in expected[1]]
    assert all(list(arguments) == ["city"] and isinstance(arguments["city"], str) for _, arguments in expected[1])
    assert expected[:2] == said(dialect, json_of(ASK[dialect](vendor, "say:tools", tools=offered)))[:2]
    assert ["weather", "news"] == [call.name for call in calls]
    assert Ending.TOOL_CALLS is assembled.choices[0].ending


# Azure refuses the prompt instead of filtering the answer.
ENDED = [(*one, name) for one in EVERY for name in ENDINGS if (*one, name) != ("chat", "azure", "filter")]


@pytest.mark.parametrize(("dialect", "vendor", "scenario"), ENDED)
def test_codecs_read_every_ending(dialect: str, vendor: str, scenario: str) -> None:
    """Streams of all vendors end as what they are, and whole answers end alike."""
    answer = ASK[dialect](vendor, f"say:{scenario} one two three", stream=True)
    assert isinstance(answer, Streamed)
    found = read(dialect, answer)
    whole = ASK[dialect](vendor, f"say:{scenario} one two three")
    assert isinstance(whole, Whole)
    ending = CODECS[dialect].read_answer(whole.body).choices[0].ending

    assert found.done
    assert found.fault is None
    assert ending is found.finish().choices[0].ending
    assert ending in ENDINGS[scenario]


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_usage_means_the_same_everywhere(dialect: str, vendor: str) -> None:
    """Cached and thought tokens stand where each vendor has them, and every codec finds them there."""
    whole = ASK[dialect](vendor, "say:cached one two three")
    streamed = ASK[dialect](vendor, "say:cached one two three", stream=True)
    thought = ASK[dialect](vendor, "say:reasoning one two three", stream=True)
    assert isinstance(whole, Whole)
    assert isinstance(streamed, Streamed)
    assert isinstance(thought, Streamed)
    usages = [CODECS[dialect].read_answer(whole.body).usage, read(dialect, streamed).finish().usage]
    spent = read(dialect, thought).finish().usage
    tells_cached = (dialect, vendor) not in {("chat", "perplexity"), ("chat", "ollama")}
    tells_thought = (dialect, vendor) not in {
        ("chat", name) for name in ("mistral", "qwen", "together", "perplexity", "vllm", "llamacpp", "ollama")
    } | {("messages", "anthropic")}

    for usage in usages:
        assert usage is not None
        assert (4, 6) == (usage.prompt, usage.completion)
        assert (2 if tells_cached else 0) == usage.cached
    assert spent is not None
    assert 16 == spent.completion
    assert (10 if tells_thought else 0) == spent.reasoning


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_a_stream_that_breaks_is_never_complete(dialect: str, vendor: str) -> None:
    """An error inside it is a fault; a cut is no end."""
    broken = ASK[dialect](vendor, "say:stream-error one two three four", stream=True)
    first = ASK[dialect](vendor, "say:stream-error-first one two", stream=True)
    cut = ASK[dialect](vendor, "say:cut one two three four", stream=True)
    assert isinstance(broken, Streamed)
    assert isinstance(first, Streamed)
    assert isinstance(cut, Streamed)
    found, early, half = read(dialect, broken), read(dialect, first), read(dialect, cut)

    assert "done" == broken.end == first.end
    assert found.fault is not None
    assert early.fault is not None
    assert "close" == cut.end
    assert (False, False, False) == (found.done, early.done, half.done)


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_silence_is_no_answer(dialect: str, vendor: str) -> None:
    for stream in (False, True):
        assert isinstance(ASK[dialect](vendor, "say:silent", stream=stream), Silent)


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_thought_comes_the_vendors_way(dialect: str, vendor: str) -> None:
    """Shown by those that show it, kept back by those that do not."""
    answer = ASK[dialect](vendor, "say:reasoning one", stream=True)
    assert isinstance(answer, Streamed)
    parts = read(dialect, answer).finish().choices[0].parts
    thoughts = [part for part in parts if isinstance(part, Reasoning) and part.text]
    hides = dialect == "chat" and vendor in {"openai", "azure", "perplexity"}

    assert (0 if hides else 1) == len(thoughts)


def asked_for(dialect: str, form: dict[str, Any]) -> dict[str, Any]:
    """The fields that ask for JSON of a schema."""
    if dialect == "chat":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": form}}}
    if dialect == "responses":
        return {"text": {"format": {"type": "json_schema", "name": "w", "schema": form}}}
    if dialect == "messages":
        return {"output_format": {"type": "json_schema", "schema": form}}
    return {"generationConfig": {"responseMimeType": "application/json", "responseSchema": form}}


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_json_fits_the_schema_that_was_asked_for(dialect: str, vendor: str) -> None:
    form = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}},
        "required": ["n", "b"],
    }
    text = said(dialect, json_of(ASK[dialect](vendor, "x", **asked_for(dialect, form))))[0]
    plain = CODECS["chat"].read_answer(json_of_bytes(form))

    assert text == text_of(plain)
    assert text.startswith('{"n":')


def json_of_bytes(form: dict[str, Any]) -> bytes:
    answer = ASK["chat"]("openai", "x", **asked_for("chat", form))
    assert isinstance(answer, Whole)
    return answer.body


def test_limits_and_stop_strings_are_kept() -> None:
    """The output limit counts words; a stop string ends before itself, and Anthropic names it."""
    short = json_of(ASK["chat"]("openai", "one two three four", max_tokens=3))
    stopped = json_of(ASK["messages"]("anthropic", "one two END three", stop_sequences=["END"]))

    assert ("You said: one", "length") == (said("chat", short)[0], short["choices"][0]["finish_reason"])
    assert "You said: one two " == said("messages", stopped)[0]
    assert ("stop_sequence", "END") == (stopped["stop_reason"], stopped["stop_sequence"])


def test_a_forced_tool_is_called_and_a_forbidden_one_is_not() -> None:
    offered = tools("chat", "weather", "news")
    one = {"type": "function", "function": {"name": "news"}}
    forced = said("chat", json_of(ASK["chat"]("openai", "x", tools=offered, tool_choice=one)))
    never = said("chat", json_of(ASK["chat"]("openai", "call weather", tools=offered, tool_choice="none")))
    named = said("chat", json_of(ASK["chat"]("openai", "news please", tools=offered)))
    unasked = said("chat", json_of(ASK["chat"]("openai", "hello", tools=offered)))

    assert ["news"] == [name for name, _ in forced[1]]
    assert ["news"] == [name for name, _ in named[1]]
    assert [] == never[1] == unasked[1]


def test_quirks_stand_where_their_vendors_have_them() -> None:
    """A few that naive readers fall over."""
    offered = tools("chat", "weather")
    xai = stream_of(raw_of(ASK["chat"]("xai", "call weather", tools=offered, stream=True))).values
    mistral = stream_of(raw_of(ASK["chat"]("mistral", "call weather", tools=offered, stream=True))).values
    azure = stream_of(raw_of(ASK["chat"]("azure", "x", stream=True))).values
    groq = raw_of(ASK["chat"]("groq", "say:stream-error", stream=True))
    qwen = stream_of(raw_of(ASK["chat"]("qwen", "call weather", tools=offered, stream=True))).values
    vertex = raw_of(ASK["gemini"]("vertex", "say:stream-error", stream=True))

    assert "finish_reason" not in xai[0]["choices"][0]
    assert {"tool_calls", "role"} == set(xai[0]["choices"][0]["delta"])
    assert ("tool_calls", True) == (mistral[-1]["choices"][0]["finish_reason"], "usage" in mistral[-1])
    assert ([], "", "") == (azure[0]["choices"], azure[0]["id"], azure[0]["object"])
    assert b"event: error\n" in groq
    assert b"[DONE]" not in groq
    assert "" == qwen[2]["choices"][0]["delta"]["tool_calls"][0]["id"]
    assert vertex.rstrip().endswith(b"}")
    assert b'\r\n\r\n{\n  "error"' in vertex
