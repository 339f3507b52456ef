"""What is looked for in requests and answers: exactly what a dialect has, and nothing that a text or a tool's arguments say."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.errors import Error
from poise.wire import pins_read
from poise.wire.call import Call
from poise.wire.dialects import DIALECTS
from poise.wire.pins_made import made_for
from poise.wire.pins_read import MAX_NAMED, READERS, named, sealed

SURFACES = {"anthropic-count": "count_tokens", "gemini-count": "countTokens"}
CONTENT: dict[str, dict[str, Any]] = {
    "openai": {"messages": [{"role": "user", "content": "x"}]},
    "responses": {"input": "x"},
    "anthropic": {"messages": [{"role": "user", "content": "x"}]},
    "gemini": {"contents": [{"parts": [{"text": "x"}]}]},
}


def names(front: str, body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a body names at a door, as (kind, word, value)."""
    raw = json.dumps({"model": "m", **body}).encode()
    call = DIALECTS[front].read_call(SURFACES.get(front, "chat"), raw, "m")
    return [(one.kind, one.what, one.value) for one in named(front, call, raw)]


ASKED: dict[str, tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = {
    "conversation": ("responses", {"conversation": {"id": "conv_1"}}, [("conversation", "conversation", "conv_1")]),
    "conversation by name": ("responses", {"conversation": "conv_1"}, [("conversation", "conversation", "conv_1")]),
    "tools' files": (
        "responses",
        {
            "input": "x",
            "tools": [
                {"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]},
                {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_1"]}},
                {"type": "code_interpreter", "container": "cntr_1"},
            ],
        },
        [
            ("vector_store", "vector_store_ids", "vs_1"),
            ("vector_store", "vector_store_ids", "vs_2"),
            ("file", "file_ids", "file_1"),
            ("container", "container", "cntr_1"),
        ],
    ),
    "a tool's result": (
        "responses",
        {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "file_id": "file_1"}]}]},
        [("file", "file_id", "file_1")],
    ),
    "a file in a tool's result": (
        "anthropic",
        {
            "container": "container_1",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "container_upload", "file_id": "file_2"},
                        {
                            "type": "tool_result",
                            "content": [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}],
                        },
                    ],
                }
            ],
        },
        [("container", "container", "container_1"), ("file", "file_id", "file_2"), ("file", "file_id", "file_1")],
    ),
    "sealed thought in chat": (
        "openai",
        {
            "messages": [
                {"role": "assistant", "reasoning_details": [{"type": "reasoning.encrypted", "data": "c2Vh-_"}]},
                {"role": "assistant", "extra_content": {"google": {"thought_signature": "eA=="}}},
            ]
        },
        [("seal", "reasoning_details", "c2Vh+/"), ("seal", "thought_signature", "eA")],
    ),
    "snake case": (
        "gemini",
        {"contents": {"parts": {"thought_signature": "eA==", "file_data": {"file_uri": "https://x/v1/files/a"}}}},
        [("seal", "thoughtSignature", "eA"), ("file", "fileUri", "files/a")],
    ),
    "a cache of Vertex": (
        "gemini",
        {"cachedContent": "projects/p/locations/l/cachedContents/7", "contents": []},
        [("cached_content", "cachedContent", "cachedContents/7")],
    ),
    "a bucket and a public address": (
        "gemini",
        {"contents": [{"parts": [{"fileData": {"fileUri": uri}} for uri in ("gs://b/files/a", "https://y.tube/v")]}]},
        [],
    ),
    "a tool's arguments": (
        "anthropic",
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "t",
                            "name": "sign",
                            "input": {"signature": "abc", "type": "thinking", "file_id": "f"},
                        }
                    ],
                }
            ]
        },
        [],
    ),
    "a text that quotes": (
        "responses",
        {"input": [{"role": "user", "content": '{"previous_response_id": "resp_1", "encrypted_content": "x"}'}]},
        [],
    ),
    "nulls": (
        "responses",
        {"input": [{"id": None, "encrypted_content": None, "content": None}], "previous_response_id": None},
        [],
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_request_names_what_it_names(case: str) -> None:
    """Each place where a dialect names something of a provider's own; arguments, texts and nulls name nothing."""
    front, body, expected = ASKED[case]

    assert expected == names(front, body)


def _answers(front: str, back: str, body: dict[str, Any] | bytes, *, stream: bool = False) -> list[tuple[str, str]]:
    made = made_for(front, back)
    assert made is not None
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [(one.kind, one.value) for one in (made.events(raw) if stream else made.whole(raw))]


def test_an_answer_brings_what_it_brings() -> None:
    """Ids and seals at their own places, and none that the model wrote into a tool's arguments."""
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"type": "thinking", "signature": "bad"}}
    thought = {"type": "thinking", "thinking": "", "signature": "good=="}
    message = {"content": [call, thought], "container": {"id": "container_1", "expires_at": "x"}}
    chat = {"choices": [{"delta": {"tool_calls": [{"extra_content": {"google": {"thought_signature": "s="}}}]}}]}
    response = {"id": "resp_1", "object": "response", "conversation": {"id": "conv_1"}, "output": []}

    assert [("seal", "good"), ("container", "container_1")] == _answers("anthropic", "anthropic", message)
    assert [("response", "resp_1"), ("conversation", "conv_1")] == _answers("responses", "responses", response)
    assert [("seal", "s")] == _answers("openai", "gemini", b"data: %b\n\n" % json.dumps(chat).encode(), stream=True)
    assert [("seal", "x+/")] == _answers("gemini-array", "gemini", b',\r\n{"thoughtSignature": "x-_="}', stream=True)


def test_plain_chat_is_not_looked_at() -> None:
    """A chat between a client and a target that both speak it brings nothing that could be named later."""
    assert made_for("openai", "openai") is None
    assert made_for("embeddings", "openai") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["content", "file", "source", "id", "type", "signature", "parts"]), inner)
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(list(READERS)),
    st.dictionaries(
        st.sampled_from(["input", "messages", "contents", "tools", "container", "cachedContent"]), json_values
    ),
)
@settings(max_examples=400, deadline=None)
def test_no_shape_of_a_body_is_an_error_of_ours(front: str, body: dict[str, Any]) -> None:
    """Whatever stands in a body: something is named or nothing; what a provider would refuse is left to it."""
    own = {name: value for name, value in CONTENT[front.partition("-")[0]].items() if name not in body}
    padded = {**own, **body, "x": {"encrypted_content": 1, "file_id": 2, "signature": 3, "thoughtSignature": 4}}
    try:
        found = names(front, padded)
    except Error:
        return  # the skim refused it

    assert all(value for _, _, value in found)


@given(st.sampled_from(["openai", "responses", "anthropic", "gemini"]), st.binary(max_size=80), st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_bytes_of_an_answer_are_an_error_of_ours(front: str, noise: bytes, stream: bool) -> None:
    """Marks in any surroundings."""
    marked = b'data: {"response": "encrypted_content" "signature" "thoughtSignature":"' + noise + b'"}\n\n'
    made = made_for(front, "other")
    assert made is not None

    for found in made.events(marked) if stream else made.whole(marked):
        assert found.value


def test_a_body_full_of_names_costs_a_bounded_amount() -> None:
    """Of 100,000 seals 16,384 are looked at and the newest 1,024 of those count."""
    turn = {"role": "assistant", "content": [{"type": "thinking", "signature": f"s{n}"} for n in range(100_000)]}
    fields = {"messages": msgspec.Raw(json.dumps([turn]).encode())}
    found = named("anthropic", Call("chat", fields, "m"), bytes(fields["messages"]))

    assert MAX_NAMED == len(found)
    assert f"s{pins_read.MAX_LOOKED - 1}" == found[-1].value


def test_seals_are_the_same_however_base64_is_written() -> None:
    """Two alphabets, with and without padding."""
    assert sealed("ab+/cQ==") == sealed("ab-_cQ") == sealed("ab-_cQ==")
    assert sealed("ab+/cQ==") != sealed("ab+/cR==")
