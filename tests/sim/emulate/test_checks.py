"""What emulators refuse: keys, places, models and fields, each in the vendor's own shape, naming the field."""

from __future__ import annotations

from typing import Any

import pytest

from poise.sim.emulate.message import Answered, Whole
from poise.sim.emulate.reply import seal
from tests.sim.emulate.asking import (
    ASK,
    CHATS,
    KEYS,
    PATHS,
    SCHEMA,
    chat,
    gemini,
    json_of,
    messages,
    responses,
    send,
    tools,
)

MODELS: dict[str, dict[str, Any]] = {
    "chat": {"model": "m"},
    "messages": {"model": "m", "max_tokens": 9},
    "responses": {"model": "m"},
}


def refused(answer: Answered) -> tuple[int, Any]:
    assert isinstance(answer, Whole)
    return answer.status, json_of(answer)


def ask_chat(*turns: dict[str, Any], vendor: str = "openai", **more: object) -> tuple[int, Any]:
    return refused(
        send(vendor, f"{PATHS.get(vendor, '/v1')}/chat/completions", {"model": "m", "messages": list(turns), **more})
    )


def ask_messages(*turns: dict[str, Any], **more: object) -> tuple[int, Any]:
    return refused(
        send("anthropic", "/v1/messages", {"model": "m", "max_tokens": 3000, "messages": list(turns), **more})
    )


def ask_gemini(*contents: dict[str, Any], model: str = "m", **more: object) -> tuple[int, Any]:
    return refused(send("gemini", f"/v1beta/models/{model}:generateContent", {"contents": list(contents), **more}))


def user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize("vendor", [name for name in CHATS if name not in {"vllm", "llamacpp", "ollama"}])
def test_a_missing_key_and_a_wrong_one_are_refused(vendor: str) -> None:
    path = f"{PATHS.get(vendor, '/v1')}/chat/completions"
    body = {"model": "m", "messages": [user("x")]}
    missing = send(vendor, path, body, headers={})
    wrong = send(vendor, path, body, headers={"authorization": "Bearer invalid-key"})
    assert isinstance(missing, Whole)
    assert isinstance(wrong, Whole)

    assert 401 == missing.status
    assert (400 if vendor == "xai" else 401) == wrong.status


def test_keys_are_looked_for_where_each_vendor_has_them() -> None:
    """Anthropic wants its version too; Google calls a wrong key a wrong argument."""
    body = {"model": "m", "max_tokens": 9, "messages": [user("x")]}
    contents = {"contents": [{"parts": [{"text": "x"}]}]}
    place = "/v1beta/models/m:generateContent"
    version = {"anthropic-version": "2023-06-01"}

    assert (401, "authentication_error") == kind(send("anthropic", "/v1/messages", body, headers=version))
    assert (400, "invalid_request_error") == kind(send("anthropic", "/v1/messages", body, headers={"x-api-key": "k"}))
    assert (403, "PERMISSION_DENIED") == status(send("gemini", place, contents, headers={"authorization": "Bearer k"}))
    assert (400, "INVALID_ARGUMENT") == status(send("gemini", place, contents, headers={"x-goog-api-key": "invalid"}))
    assert 200 == refused(send("gemini", place, contents, headers={}, query={"key": "k"}))[0]
    assert (403, "permission_error") == kind(
        send("anthropic", "/v1/messages", body, headers={**version, "x-api-key": "forbidden"})
    )


def kind(answer: Answered) -> tuple[int, str]:
    code, body = refused(answer)
    return code, body["error"]["type"]


def status(answer: Answered) -> tuple[int, str]:
    code, body = refused(answer)
    return code, body["error"]["status"]


def test_unknown_places_and_models_are_not_found() -> None:
    assert 404 == refused(send("openai", "/v1/nothing", {}))[0]
    assert 404 == refused(send("azure", "/openai/deployments/m/chat/completions", {}))[0]  # no api-version
    assert 404 == refused(chat("openai", "x", model="no-such-model"))[0]
    assert 400 == refused(chat("deepseek", "x", model="no-such-model"))[0]
    assert (404, "not_found_error") == kind(messages("anthropic", "x", model="no-such-model"))
    assert (404, "NOT_FOUND") == status(gemini("gemini", "x", model="no-such-model"))


def test_an_azure_deployment_is_named_by_the_path() -> None:
    query = {"api-version": "2024-10-21"}
    code, body = refused(
        send("azure", "/openai/deployments/mine/chat/completions", {"messages": [user("x")]}, query=query)
    )

    assert (200, "mine") == (code, body["model"])


CHAT_FIELDS = [
    ({"model": "m"}, "messages", "missing_required_parameter"),
    ({"messages": [user("x")]}, "model", "missing_required_parameter"),
    ({"model": "m", "messages": [user({"a": 1})]}, "messages[0].content", "invalid_type"),
    ({"model": "m", "messages": [user([{"type": "pdf"}])]}, "messages[0].content[0].type", "invalid_value"),
    ({"model": "m", "messages": [user("x")], "temperature": 99}, "temperature", "invalid_value"),
    ({"model": "m", "messages": [user("x")], "chat": 1}, "chat", "unknown_parameter"),
    (
        {"model": "m", "messages": [user("x")], "tools": [{"type": "function"}]},
        "tools[0].function",
        "missing_required_parameter",
    ),
]


@pytest.mark.parametrize(("body", "field", "code"), CHAT_FIELDS)
def test_openai_names_the_field(body: dict[str, Any], field: str, code: str) -> None:
    found, said = refused(send("openai", "/v1/chat/completions", body))

    assert (400, field, code) == (found, said["error"]["param"], said["error"]["code"])


def test_vendors_of_the_chat_dialect_refuse_what_they_lack() -> None:
    """Mistral counts the letters of ids, Groq takes no names, OpenAI's thinkers no max_tokens."""
    call = {"id": "call_1234", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turn = {"role": "assistant", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1234", "content": "sunny"}

    assert 400 == ask_chat(user("x"), turn, result, vendor="mistral")[0]
    assert 200 == ask_chat(user("x"), turn, result)[0]
    assert 400 == ask_chat({**user("x"), "name": "bob"}, vendor="groq")[0]
    assert 400 == refused(chat("openai", "x", model="gpt-5.2", max_tokens=9))[0]
    assert 422 == ask_chat(user({"a": 1}), vendor="mistral")[0]


def test_a_call_without_its_result_is_refused_everywhere() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    use = {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}
    item = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}
    part = {"functionCall": {"name": "weather", "args": {}}}
    place, body = "/v1/responses", {"model": "m", "input": [user("x"), item, user("y")]}

    assert 400 == ask_chat(user("x"), {"role": "assistant", "tool_calls": [call]}, user("y"))[0]
    assert 400 == ask_messages(user("x"), {"role": "assistant", "content": [use]}, user("y"))[0]
    assert 400 == refused(send("openai", place, body))[0]
    assert 400 == ask_gemini({"role": "model", "parts": [part]}, {"role": "user", "parts": [{"text": "y"}]})[0]


ANTHROPIC_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"model": "m", "messages": [user("x")]}, "max_tokens: Field required"),
    ({"model": "m", "max_tokens": 9, "messages": ["x"]}, "messages.0: Input should be a valid dictionary"),
    ({"model": "m", "max_tokens": 9, "messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"model": "m", "max_tokens": 9, "messages": [user("x")], "n": 1}, "n: Extra inputs are not permitted"),
    ({"model": "m", "max_tokens": 9, "messages": [user("x")], "temperature": 2}, "temperature: range: 0..1"),
    ({"model": "m", "max_tokens": 9, "messages": [user([{"type": "text", "text": ""}])]}, "must be non-empty"),
]


@pytest.mark.parametrize(("body", "text"), ANTHROPIC_FIELDS)
def test_anthropic_names_the_field(body: dict[str, Any], text: str) -> None:
    found, said = refused(send("anthropic", "/v1/messages", body))

    assert (400, "invalid_request_error") == (found, said["error"]["type"])
    assert text in said["error"]["message"]


def test_anthropic_knows_its_own_signatures() -> None:
    """A thought is taken back as it was given, and no other way; a turn with tools must begin with it."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    thought = {"type": "thinking", "thinking": "hm", "signature": seal("hm")}
    use = {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}
    result = user([{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}])
    offered = tools("messages", "weather")

    def asked(*blocks: dict[str, Any]) -> int:
        said = {"role": "assistant", "content": list(blocks)}
        return ask_messages(user("x"), said, result, tools=offered, thinking=thinking)[0]

    assert 200 == asked(thought, use)
    assert 400 == asked({**thought, "signature": "changed"}, use)
    assert 400 == asked(use)


def test_gemini_refuses_schemas_and_fields_that_it_does_not_know() -> None:
    """Its schemas are no JSON Schemas; the place is told in protobuf's names."""
    closed = {**SCHEMA, "additionalProperties": False}
    declared = [{"functionDeclarations": [{"name": "weather", "parameters": closed}]}]
    text = {"role": "user", "parts": [{"text": "x"}]}
    code, said = ask_gemini(text, tools=declared)
    unknown, says = ask_gemini(text, generationConfig={"max_tokens": 4})

    assert (400, "INVALID_ARGUMENT") == (code, said["error"]["status"])
    assert 'Unknown name "additionalProperties"' in said["error"]["message"]
    assert "tools[0].function_declarations[0].parameters" in said["error"]["message"]
    assert (400, "generation_config") == (unknown, says["error"]["details"][0]["fieldViolations"][0]["field"])


def test_gemini_3_wants_its_seals_back() -> None:
    """A call of the turn that goes on must be sealed; the word that skips this is taken, a made-up seal is not."""
    answered = {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}]}
    asked = {"role": "user", "parts": [{"text": "call weather"}]}

    def code(signature: str) -> int:
        part = {"functionCall": {"name": "weather", "args": {}}} | (
            {"thoughtSignature": signature} if signature else {}
        )
        return ask_gemini(asked, {"role": "model", "parts": [part]}, answered, model="gemini-3-pro")[0]

    assert 200 == code(seal("weather"))
    assert 200 == code("skip_thought_signature_validator")
    assert 400 == code("")
    assert 400 == code("bWFkZSB1cA==")


def test_responses_verify_sealed_thought_and_places_of_text() -> None:
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "made up"}
    wrong = {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}

    for given in (thought, wrong):
        assert 400 == refused(send("openai", "/v1/responses", {"model": "m", "input": [given, user("x")]}))[0]
    assert 400 == refused(responses("openai", "x", max_output_tokens=3))[0]


def test_images_are_counted_and_named() -> None:
    """How many, and of which type, whatever the dialect calls them."""
    png = "data:image/png;base64,aGk="
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    sources = [
        json_of(send("openai", "/v1/chat/completions", {**MODELS["chat"], "messages": [
            user([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": png}}])]})),
        json_of(send("anthropic", "/v1/messages", {**MODELS["messages"], "messages": [
            user([{"type": "text", "text": "look"},
                  {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}])]})),
        json_of(send("openai", "/v1/responses", {**MODELS["responses"], "input": [
            user([{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": png}])]})),
        json_of(gemini("gemini", "", contents=[{"role": "user", "parts": [{"text": "look"}, image]}])),
    ]  # fmt: skip

    for body in sources:
        assert "You said: look I see 1 image: image/png." in str(body)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"model": "m", "messages": 1e999}']
)
def test_garbage_is_refused_and_never_raises(raw: bytes) -> None:
    from poise.clock import SystemClock
    from poise.sim.emulate.emulator import Emulator
    from poise.sim.emulate.message import Request, line_of

    places = {
        "openai": ("/v1/chat/completions", "/v1/responses", "/v1/embeddings"),
        "anthropic": ("/v1/messages", "/v1/messages/count_tokens"),
        "gemini": (
            "/v1beta/models/m:generateContent",
            "/v1beta/models/m:countTokens",
            "/v1beta/models/m:batchEmbedContents",
        ),
    }
    for vendor, paths in places.items():
        emulator = Emulator(vendor, SystemClock())
        for path in paths:
            request = Request("POST", path, {}, KEYS, raw)
            answer = emulator.answer(request, line_of(1, vendor, request), 0)
            assert isinstance(answer, Whole)
            assert 400 == answer.status, (path, answer.body)


def test_every_scenario_has_an_answer_or_a_status() -> None:
    """The list of scenarios is what the emulators know."""
    from poise.sim.emulate.scenario import SCENARIOS

    for name in SCENARIOS:
        model = f"emulate-{name.replace('STATUS', '418')}"
        for dialect, vendor in (
            ("chat", "openai"),
            ("messages", "anthropic"),
            ("gemini", "gemini"),
            ("responses", "openai"),
        ):
            answer = ASK[dialect](vendor, "one two", model=model)
            assert not (isinstance(answer, Whole) and answer.status == 404), (name, vendor)
