"""Requests that are nearly right: whatever stands where, an emulator answers or refuses, and never raises."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from poise.sim.emulate.message import Silent, Streamed, Whole
from poise.sim.emulate.reply import seal
from tests.sim.emulate.asking import SCHEMA, send, tools

_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
_PART = {"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": seal("weather")}
_RESULT = {"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}
_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
PLACES: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "/v1/chat/completions", {
        "model": "m", "stream": True, "stream_options": {"include_usage": True}, "stop": ["a"], "max_tokens": 9,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}},
                {"type": "input_audio", "input_audio": {"format": "wav", "data": "aGk="}},
            ]},
            {"role": "assistant", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
        "tools": tools("chat", "weather"), "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA, "strict": False}},
    }),
    ("xai", "/v1/responses", {
        "model": "m", "stream": True, "instructions": "be brief", "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "x"},
                                         {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
                                         {"type": "input_file", "filename": "a.pdf"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        ],
        "tools": tools("responses", "weather"),
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "weather"}]},
        "text": {"format": {"type": "json_schema", "name": "w", "schema": SCHEMA}},
    }),
    ("anthropic", "/v1/messages", {
        "model": "m", "max_tokens": 3000, "stream": True, "system": [{"type": "text", "text": "be brief"}],
        "stop_sequences": ["a"], "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, _IMAGE]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "a", "signature": seal("a")},
                                              {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]},
        ],
        "tools": tools("messages", "weather"), "tool_choice": {"type": "auto"},
        "output_format": {"type": "json_schema", "schema": SCHEMA},
    }),
    ("gemini", "/v1beta/models/m:streamGenerateContent", {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]},
            {"role": "model", "parts": [_PART]}, {"role": "user", "parts": [_RESULT]},
        ],
        "tools": tools("gemini", "weather"),
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
        "generationConfig": {"stopSequences": ["a"], "thinkingConfig": {"includeThoughts": True}, "maxOutputTokens": 9,
                             "responseMimeType": "application/json", "responseSchema": SCHEMA},
    }),
    ("gemini", "/v1beta/models/m:batchEmbedContents", {
        "requests": [{"model": "models/m", "content": {"parts": [{"text": "x"}]}, "outputDimensionality": 3}],
    }),
    ("vertex", "/v1/publishers/google/models/m:predict", {
        "instances": [{"content": "x"}], "parameters": {"outputDimensionality": 3},
    }),
    ("openai", "/v1/embeddings", {"model": "m", "input": ["a", "b"], "dimensions": 3, "encoding_format": "base64"}),
]  # fmt: skip
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 7, 2.5, "", "x", [], [None], [[]], ["x"], {}, {"type": "x"}, {"x": {}}, {"": None}]
)


def spots(node: object) -> list[tuple[Any, Any]]:
    """Every place in a body where something else may stand."""
    found: list[tuple[Any, Any]] = []
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    for at, inner in pairs:
        found += [(node, at), *spots(inner)]
    return found


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), st.data())
def test_odd_values_anywhere_are_answered_or_refused(
    place: tuple[str, str, dict[str, Any]], data: st.DataObject
) -> None:
    vendor, path, body = place
    body = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 3))):
        where, at = data.draw(st.sampled_from(spots(body)))
        where[at] = copy.deepcopy(data.draw(ODD))
    answer = send(vendor, path, body)

    assert isinstance(answer, Whole | Streamed | Silent)
    assert not isinstance(answer, Whole) or answer.status in (200, 400, 404)
