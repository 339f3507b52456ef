"""The forms that a request of the responses dialect may take, what of them cannot be read, and what another's asks lose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import Error
from poise.wire.conversation.ask import Ask, HostedTool, Pin, Tool
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Part, Reasoning, Text, ToolCall
from poise.wire.responses.codec import Responses

CODEC = Responses()


def _read(**body: object) -> Ask:
    return CODEC.read_ask(json.dumps({"model": "m", **body}).encode())


def _write(ask: Ask, manner: Manner | None = None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    lost = Lost()
    body = json.loads(CODEC.write_ask(ask, lost, manner or Manner()))
    return body, [(loss.where, loss.what) for loss in lost.losses]


def _parts(*items: object) -> list[Part]:
    return [part for message in _read(input=list(items)).messages for part in message.parts]


# One request of each form: read and written again, each is equal.
FORMS: dict[str, dict[str, object]] = {
    "null fields": {"input": "x", "instructions": None, "temperature": None, "tools": None, "text": None, "user": None},
    "empty fields": {"input": [], "instructions": "", "tools": [], "text": {}, "reasoning": {}, "user": "", "include": []},
    "not streamed, said so": {"input": "x", "stream": False, "store": False, "background": False},
    "no input": {"previous_response_id": "resp_1", "instructions": "be kind"},
    "a prompt names the model": {"prompt": {"id": "pmpt_1"}, "input": "x", "model": "m"},
    "system text in every place": {
        "instructions": "a",
        "input": [
            {"role": "system", "content": "b"},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "c"}]},
            {"role": "user", "content": "d", "extra": 1},
            {"role": "system", "content": "e"},
        ],
    },
    "assistant items in a row": {
        "input": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}, {"type": "summary_text", "text": "t"}],
             "content": [{"type": "reasoning_text", "text": "u"}], "encrypted_content": "x", "id": "rs_1", "status": None},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "phase": "commentary",
             "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                         {"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": "b"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "c"}, {"type": "odd", "x": 1}]},
            {"role": "assistant", "content": [{"type": "odd", "x": 1}]},
            {"role": "assistant", "content": []},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{", "id": "fc_1", "namespace": "n"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
            {"type": "reasoning", "summary": []},
            {"type": "reasoning", "summary": [], "content": None, "encrypted_content": None},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": ""}], "id": "rs_2"},
        ]
    },
    "results": {
        "input": [
            {"type": "function_call_output", "call_id": "c1", "output": "x", "status": "completed"},
            {"type": "function_call_output", "call_id": "c2", "output": []},
            {"type": "function_call_output", "call_id": "c3", "output": ""},
            {"type": "function_call_output", "call_id": "c4", "output": [{"type": "input_text", "text": "y"}]},
            {"type": "custom_tool_call_output", "call_id": "c5", "output": [
                {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"}, {"type": "odd"}]},
            {"type": "function_call_output", "call_id": None, "output": "z"},
        ]
    },
    "media": {
        "input": [
            {"role": "user", "content": [
                {"type": "input_image", "image_url": "https://x.org/a.png", "detail": "auto", "file_id": None},
                {"type": "input_image", "image_url": "data:;base64,aGk="},
                {"type": "input_image", "image_url": "data:text/plain,hello"},
                {"type": "input_image", "file_id": "file-1", "detail": None},
                {"type": "input_image", "image_url": {"url": "x"}},
                {"type": "input_file", "file_data": "aGk=", "filename": "a"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": ""},
                {"type": "input_file", "file_data": "data:application/pdf;base64,"},
                {"type": "input_file", "file_url": "https://x.org/a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "flac"}},
                {"type": "input_text", "text": "", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_text", "text": "x", "~": {"part": 1}},
            ]}
        ]
    },
    "what only this dialect has": {
        "input": [
            {"type": "item_reference", "id": "msg_1"},
            {"id": "msg_2"},
            {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search"}},
            {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
            {"type": "local_shell_call_output", "id": "c", "output": "x"},
            {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}, "status": "completed"},
            {"type": "image_generation_call", "id": "ig", "status": "completed", "result": "aGk=", "output_format": "webp"},
            {"type": "image_generation_call", "id": "ig", "status": "completed", "result": None},
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
            {"type": "compaction", "encrypted_content": "x"},
            {"type": "message", "role": "critic", "content": "hm"},
            {"type": "never heard of", "~": 1},
        ]
    },
    "tools": {
        "input": "x",
        "tools": [
            {"type": "function", "name": "f", "description": "", "parameters": None, "strict": None},
            {"type": "function", "name": "g", "parameters": {}, "strict": True, "defer_loading": True},
            {"type": "custom", "name": "h", "description": "d", "format": {"type": "text"}},
            {"type": "web_search", "filters": {"allowed_domains": ["x.org"]}},
            {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "i"}]},
        ],
        "parallel_tool_calls": False,
    },
    "allowed tools": {
        "input": "x",
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]},
    },
    "a hosted tool chosen": {"input": "x", "tool_choice": {"type": "web_search_preview"}},
    "a custom tool chosen": {"input": "x", "tool_choice": {"type": "custom", "name": "h"}},
    "thinking": {"input": "x", "reasoning": {"effort": "max", "summary": "detailed", "context": "all_turns"}},
    "no thinking": {"input": "x", "reasoning": {"effort": "none", "summary": None}},
    "schema": {
        "input": "x",
        "text": {
            "format": {"type": "json_schema", "name": "a", "schema": {}, "strict": None, "description": ""},
            "verbosity": "low",
        },
    },
    "a form nobody knows": {"input": "x", "text": {"format": {"type": "grammar"}}},
    "fields nobody knows": {"input": "x", "max_tool_calls": 3, "top_logprobs": 2, "odd": {"a": [1, None]}, "seed": 4},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_written_as_it_was(form: str) -> None:
    """Nulls, empty values, second spellings, unknown items and fields."""
    body = {"model": "m", **FORMS[form]}
    written, lost = _write(CODEC.read_ask(json.dumps(body).encode()))

    assert body == written
    assert [] == lost


def test_what_the_model_said_in_a_row_is_one_message() -> None:
    """Thought, text and calls between two turns of others are parts of one message."""
    ask = _read(
        input=[
            {"role": "user", "content": "q"},
            {"type": "reasoning", "summary": [], "encrypted_content": "x"},
            {"role": "assistant", "content": "a"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"},
        ]
    )

    assert ["user", "assistant", "tool"] == [message.role for message in ask.messages]
    assert [Reasoning, Text, ToolCall, ToolCall] == [type(part) for part in ask.messages[1].parts]


def test_settings_are_in_the_model() -> None:
    """Tools, choices, form and thinking mean what they say."""
    ask = _read(**FORMS["tools"])
    chosen = _read(**FORMS["allowed tools"]).tool_choice

    assert ["f", "g", "h"] == [tool.name for tool in ask.tools if isinstance(tool, Tool)]
    assert ["web_search", "namespace"] == [tool.what for tool in ask.tools if isinstance(tool, HostedTool)]
    assert False is ask.parallel_tools
    assert chosen is not None
    assert ("any", ["f"]) == (chosen.mode, chosen.names)
    assert [("one", ["g"]), ("any", []), ("none", []), ("auto", [])] == [
        (c.mode, c.names)
        for said in ({"type": "function", "name": "g"}, "required", "none", "auto")
        if (c := _read(input="x", tool_choice=said).tool_choice) is not None
    ]
    thinking = _read(input="x", reasoning={"effort": "low", "summary": "auto"}).thinking
    assert thinking is not None
    assert ("low", True, False) == (thinking.effort, thinking.shown, thinking.off)
    form = _read(**FORMS["schema"]).output
    assert form is not None
    assert ("schema", "a") == (form.kind, form.name)


def test_what_lives_at_the_provider_is_pinned() -> None:
    """Ids of answers, conversations, prompts, files and items, and sealed thought; not what was made here."""
    ask = _read(
        previous_response_id="resp_1",
        conversation={"id": "conv_1"},
        prompt={"id": "pmpt_1"},
        input=[
            {"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
            {"type": "reasoning", "id": "rs_2", "summary": []},
            {"type": "reasoning", "id": "rs_poise_0_x", "summary": []},
            {"type": "reasoning", "summary": [], "encrypted_content": "poise-signature:abc"},
            {"type": "item_reference", "id": "msg_1"},
        ],
    )

    assert [
        Pin(what="previous_response_id", value="resp_1"),
        Pin(what="conversation", value="conv_1"),
        Pin(what="prompt", value="pmpt_1"),
        Pin(what="file_id", value="file-1"),
        Pin(what="encrypted_content", value="sealed"),
        Pin(what="reasoning", value="rs_2"),
        Pin(what="item_reference", value="msg_1"),
    ] == ask.pins


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"input": 3}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({}, "input"),
        ({"input": [{"content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 1}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [1]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 1}]}, "input[0].output"),
        ({"input": "x", "model": 1}, "model"),
        ({"input": "x", "instructions": 1}, "instructions"),
        ({"input": "x", "tools": {}}, "tools"),
        ({"input": "x", "tools": {"a": 1}}, "tools"),
        ({"input": "x", "tools": [1]}, "tools[0]"),
        ({"input": "x", "tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"input": "x", "tools": [{"type": "function", "name": "f", "parameters": "{}"}]}, "tools[0].parameters"),
        ({"input": "x", "tool_choice": "always"}, "tool_choice"),
        ({"input": "x", "text": "json"}, "text"),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"input": "x", "reasoning": "high"}, "reasoning"),
        ({"input": "x", "temperature": "0"}, "temperature"),
        ({"input": "x", "max_output_tokens": 1.5}, "max_output_tokens"),
        ({"input": "x", "stream": "yes"}, "stream"),
        ({"input": "x", "user": 7}, "user"),
    ],
)
def test_what_cannot_be_read_is_named(body: dict[str, object], path: str) -> None:
    """The field's path, its value and a hint."""
    with pytest.raises(Error) as caught:
        _read(**body)

    assert "invalid_field" == caught.value.code
    assert caught.value.text.startswith(f"{path} is ")
    assert caught.value.hint


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff{}", b'"x"', b"[" * 100_000])
def test_what_is_no_json_object_is_named(body: bytes) -> None:
    """Another code than a wrong field has."""
    with pytest.raises(Error) as caught:
        CODEC.read_ask(body)

    assert "invalid_json" == caught.value.code


def test_a_long_value_is_shortened_in_the_error() -> None:
    """An error is read by people."""
    with pytest.raises(Error) as caught:
        _read(input="x", tool_choice="y" * 10_000)

    assert len(caught.value.text) < 120


def test_the_path_s_model_and_stream_are_taken_where_the_body_has_none() -> None:
    """As dialects have it that name the model in the path."""
    ask = CODEC.read_ask(b'{"input":"x"}', model="m", stream=True)

    assert ("m", True) == (ask.model, ask.stream)
