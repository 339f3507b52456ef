"""Every emulator sends the keys, event names and framing that were recorded of its vendor, and no others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from poise.sim.emulate.message import Streamed
from tests.recordings import exchanges
from tests.sim.emulate.asking import ASK, EVERY, json_of, raw_of, tools
from tests.sim.emulate.shapes import Stream, common, paths, stream_of, union

# What the emulators say and no recording shows: path, or its beginning, and the reason why it is there all the same.
UNRECORDED: dict[tuple[str, str], dict[str, str]] = {
    ("chat", "groq"): {
        "usage.completion_tokens_details": "recorded whole, not streamed",
        "x_groq.usage.completion_tokens_details": "recorded whole, not streamed",
        "usage.prompt_tokens_details": "recorded whole, not streamed",
        "x_groq.usage.prompt_tokens_details": "recorded whole, not streamed",
    },
    ("chat", "qwen"): {"choices[].delta.reasoning_content": "its documentation has it; recorded whole only"},
    ("chat", "together"): {
        "choices[].message.reasoning": "its documentation has it; no thinking model was recorded",
        "choices[].delta.reasoning": "its documentation has it; no thinking model was recorded",
    },
    ("chat", "perplexity"): {
        "choices[].message.tool_calls": "no tools were recorded; OpenAI's form",
        "choices[].delta.tool_calls": "no tools were recorded; OpenAI's form",
    },
    ("chat", "vllm"): {"usage.prompt_tokens_details.cached_tokens": "sent where the server was told to count it"},
    ("responses", "openai"): {"output[].content[].refusal": "recorded streamed, not whole"},
    ("responses", "azure"): {
        "incomplete_details.reason": "recorded at OpenAI",
        "output[].content[].refusal": "recorded at OpenAI",
        "response.incomplete": "recorded at OpenAI",
        "response.refusal": "recorded at OpenAI",
        "response.content_part.added:part.refusal": "recorded at OpenAI",
        "response.content_part.done:part.refusal": "recorded at OpenAI",
        "response.output_item.done:item.content[].refusal": "recorded at OpenAI",
        "response.completed:response.output[].content[].refusal": "recorded at OpenAI",
    },
    ("responses", "openrouter"): {
        "incomplete_details.reason": "recorded at OpenAI",
        "response.incomplete": "recorded at OpenAI",
        "output[].arguments": "no tools were recorded; OpenAI's form",
        "output[].call_id": "no tools were recorded; OpenAI's form",
        "output[].name": "no tools were recorded; OpenAI's form",
        "response.function_call_arguments": "no tools were recorded; OpenAI's form",
        **{
            f"response.{event}{name}": "no tools were recorded; OpenAI's form"
            for event in ("completed:response.output[].", "output_item.added:item.", "output_item.done:item.")
            for name in ("arguments", "call_id", "name")
        },
    },
    ("gemini", "gemini"): {
        "promptFeedback": "a blocked prompt was recorded on Vertex",
        "candidates[].safetyRatings": "recorded on Vertex",
    },
    ("gemini", "vertex"): {
        "candidates[].finishMessage": "recorded at Google's API for developers",
        "usageMetadata.cachedContentTokenCount": "recorded whole, not streamed",
    },
}
UNRECORDED["responses", "xai"] = UNRECORDED["responses", "azure"]
SCENARIOS = ("plain", "reasoning", "refusal", "cached", "length", "filter")
RESERIALISED = "sdk-dump"  # dumps of objects: keys were added, so they tell nothing of what is always there


def files(dialect: str, vendor: str) -> tuple[str, ...]:
    """The recordings of a surface."""
    if dialect == "gemini":
        return (f"{vendor}.generateContent", f"{vendor}.streamGenerateContent")
    if (dialect, vendor) == ("chat", "ollama"):
        return ("ollama.openai_chat",)
    return (f"{vendor}.{dialect}",)


def recorded(dialect: str, vendor: str) -> list[dict[str, Any]]:
    rows = [row for file in files(dialect, vendor) for row in exchanges(file)]
    return [row for row in rows if row["response"]["status"] == 200]


def recorded_streams(dialect: str, vendor: str) -> list[tuple[dict[str, Any], Stream]]:
    found = []
    for row in recorded(dialect, vendor):
        body = row["response"]["body"]
        if row["stream"] and isinstance(body, str) and "data:" in body:
            try:
                found.append((row, stream_of(body.encode())))
            except msgspec.DecodeError:
                continue  # a stream that was recorded broken
    return found


def asked(dialect: str, vendor: str, *, stream: bool) -> list[Any]:
    """The emulator's answers to every scenario that gives one."""
    more: dict[str, Any] = {"stream": True} if stream else {}
    given = [name for name in SCENARIOS if not (name == "filter" and (dialect, vendor) == ("chat", "azure"))]
    answers = [ASK[dialect](vendor, f"say:{name} and then some", **more) for name in given]
    offered = tools(dialect, "weather", "news")
    return [*answers, ASK[dialect](vendor, "say:tools", tools=offered, **more)]


def strange(found: set[str], known: set[str], dialect: str, vendor: str) -> set[str]:
    excused = tuple(UNRECORDED.get((dialect, vendor), {}))
    return {path for path in found - known if not path.startswith(excused)}


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_whole_answers_have_the_keys_that_were_recorded(dialect: str, vendor: str) -> None:
    """No key that the vendor was never seen to send, and every key that it always sends."""
    rows = [row for row in recorded(dialect, vendor) if isinstance(row["response"]["body"], dict)]
    assert rows
    found = union(set(paths(json_of(answer))) for answer in asked(dialect, vendor, stream=False))
    exact = [set(paths(row["response"]["body"])) for row in rows if not row["fidelity"].startswith(RESERIALISED)]

    assert set() == strange(found, union(set(paths(row["response"]["body"])) for row in rows), dialect, vendor)
    assert set() == common(exact) - found


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_streams_have_the_keys_and_event_names_that_were_recorded(dialect: str, vendor: str) -> None:
    """As for whole answers, event by event."""
    rows = recorded_streams(dialect, vendor)
    assert rows
    mine = [stream_of(raw_of(answer)) for answer in asked(dialect, vendor, stream=True)]
    found = union(stream.paths for stream in mine)
    exact = [stream.paths for row, stream in rows if not row["fidelity"].startswith(RESERIALISED)]

    assert set() == strange(found, union(stream.paths for _, stream in rows), dialect, vendor)
    assert set() == common(exact) - found
    assert set() == strange(union(one.names for one in mine), union(one.names for _, one in rows), dialect, vendor)


@pytest.mark.parametrize(("dialect", "vendor"), EVERY)
def test_streams_are_framed_as_recorded(dialect: str, vendor: str) -> None:
    """Ends of lines, the last event, comments and content type."""
    rows = recorded_streams(dialect, vendor)
    answers = asked(dialect, vendor, stream=True)
    mine = [stream_of(raw_of(answer)) for answer in answers]
    types = {str(row["response"]["headers"].get("content-type", "")).lower() for row, _ in rows}

    assert all(isinstance(answer, Streamed) and answer.type.lower() in types for answer in answers)
    assert {one.done for one in mine} <= {one.done for _, one in rows}
    assert union(one.comments for one in mine) <= union(one.comments for _, one in rows)
    if vendor != "perplexity":  # the recorder kept no carriage returns
        assert {one.crlf for one in mine} <= {one.crlf for _, one in rows}


ERRORS = {
    ("chat", "openai"): ("rate", "context", "error-500"),
    ("chat", "azure"): ("rate", "nonsense"),
    ("chat", "deepseek"): ("context", "nonsense"),
    ("chat", "xai"): ("context", "overloaded"),
    ("chat", "mistral"): ("nonsense", "error-500"),
    ("chat", "groq"): ("rate", "nonsense"),
    ("chat", "openrouter"): ("nonsense", "rate"),
    ("chat", "perplexity"): ("nonsense",),
    ("chat", "llamacpp"): ("context",),
    ("responses", "openai"): ("rate", "error-500"),
    ("messages", "anthropic"): ("rate", "quota", "context", "overloaded", "nonsense"),
    ("gemini", "gemini"): ("rate", "context", "nonsense"),
    ("gemini", "vertex"): ("rate",),
}


@pytest.mark.parametrize(("dialect", "vendor"), list(ERRORS))
def test_errors_have_the_keys_that_were_recorded(dialect: str, vendor: str) -> None:
    """Whatever is refused is refused in the vendor's shape."""
    rows = [row for file in files(dialect, vendor) for row in exchanges(file) if row["response"]["status"] >= 400]
    known = union(set(paths(row["response"]["body"])) for row in rows)
    found = union(
        set(paths(json_of(ASK[dialect](vendor, "x", model=f"emulate-{name}")))) for name in ERRORS[dialect, vendor]
    )

    assert rows
    assert found
    assert set() == found - known


def test_every_excuse_is_needed() -> None:
    """A path that is recorded, or is not sent, has no place on the list."""
    for (dialect, vendor), excused in UNRECORDED.items():
        rows = recorded(dialect, vendor)
        known = union(set(paths(row["response"]["body"])) for row in rows)
        streams = recorded_streams(dialect, vendor)
        seen = union(one.paths | one.names for _, one in streams)
        mine = union(set(paths(json_of(answer))) for answer in asked(dialect, vendor, stream=False)) - known
        sent = [stream_of(raw_of(answer)) for answer in asked(dialect, vendor, stream=True)]
        mine |= union(one.paths | one.names for one in sent) - seen

        assert [] == [path for path in excused if not any(one.startswith(path) for one in mine)], (dialect, vendor)
