"""One question to any emulator, in its own dialect, without a socket; and what it answered, in no vendor's words."""

from __future__ import annotations

from typing import Any

import msgspec

from poise.clock import SystemClock
from poise.sim.emulate.emulator import Emulator
from poise.sim.emulate.message import Answered, Request, Streamed, Whole, line_of
from tests.sim.emulate.shapes import stream_of

CHATS = (
    *("openai", "azure", "deepseek", "xai", "mistral", "groq", "openrouter", "qwen", "together", "perplexity", "vllm"),
    *("llamacpp", "ollama"),
)
RESPONSES = ("openai", "azure", "xai", "openrouter")
PATHS = {
    "azure": "/openai/v1",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
    "qwen": "/compatible-mode/v1",
    "perplexity": "",
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
KEYS = {
    "authorization": "Bearer k",
    "api-key": "k",
    "x-api-key": "k",
    "x-goog-api-key": "k",
    "anthropic-version": "2023-06-01",
}
NOW_S = 1_780_000_000


def send(
    vendor: str,
    path: str,
    body: dict[str, Any],
    *,
    method: str = "POST",
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Answered:
    """What the vendor's emulator answers."""
    emulator = Emulator(vendor, SystemClock())
    request = Request(method, path, query or {}, KEYS if headers is None else headers, msgspec.json.encode(body))
    return emulator.answer(request, line_of(1, vendor, request), NOW_S)


def chat(vendor: str, words: str, *, model: str = "m", **more: object) -> Answered:
    """A chat completion."""
    if more.get("stream"):
        more["stream_options"] = {"include_usage": True}
    body = {"model": model, "messages": [{"role": "user", "content": words}], **more}
    return send(vendor, f"{PATHS.get(vendor, '/v1')}/chat/completions", body)


def responses(vendor: str, words: str, *, model: str = "m", **more: object) -> Answered:
    """A response."""
    return send(vendor, f"{PATHS.get(vendor, '/v1')}/responses", {"model": model, "input": words, **more})


def messages(vendor: str, words: str, *, model: str = "m", **more: object) -> Answered:
    """Anthropic's message."""
    body = {"max_tokens": 4000, "messages": [{"role": "user", "content": words}], **more}
    return send(vendor, "/v1/messages", {"model": model, **body})


def gemini(vendor: str, words: str, *, model: str = "m", stream: bool = False, **more: object) -> Answered:
    """generateContent, or streamGenerateContent with events."""
    base = "/v1beta" if vendor == "gemini" else "/v1/projects/p/locations/l/publishers/google"
    method, query = ("streamGenerateContent", {"alt": "sse"}) if stream else ("generateContent", {})
    body = {"contents": [{"role": "user", "parts": [{"text": words}]}], **more}
    return send(vendor, f"{base}/models/{model}:{method}", body, query=query)


def tools(dialect: str, *names: str) -> list[dict[str, Any]]:
    """Tools of these names as a dialect declares them."""
    if dialect == "chat":
        return [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in names]
    if dialect == "responses":
        return [{"type": "function", "name": name, "parameters": SCHEMA} for name in names]
    if dialect == "messages":
        return [{"name": name, "input_schema": SCHEMA} for name in names]
    return [{"functionDeclarations": [{"name": name, "parameters": SCHEMA} for name in names]}]


ASK = {"chat": chat, "responses": responses, "messages": messages, "gemini": gemini}
EVERY = (
    *(("chat", vendor) for vendor in CHATS),
    *(("responses", vendor) for vendor in RESPONSES),
    ("messages", "anthropic"),
    ("gemini", "gemini"),
    ("gemini", "vertex"),
)


def json_of(answer: Answered) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of a whole answer."""
    assert isinstance(answer, Whole)
    return msgspec.json.decode(answer.body)


def raw_of(answer: Answered) -> bytes:
    """The bytes of a stream."""
    assert isinstance(answer, Streamed)
    return b"".join(answer.frames)


def said(dialect: str, body: Any) -> tuple[str, list[tuple[str, Any]], int, int]:  # noqa: ANN401 - any JSON value
    """Text, calls, prompt tokens and completion tokens (thought too) of a whole answer."""
    if dialect == "chat":
        message, usage = body["choices"][0]["message"], body["usage"]
        content = message.get("content") or message.get("refusal") or ""
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        calls = [
            (call["function"]["name"], msgspec.json.decode(call["function"]["arguments"]))
            for call in message.get("tool_calls") or ()
        ]
        return content, calls, usage["prompt_tokens"], usage["total_tokens"] - usage["prompt_tokens"]
    if dialect == "responses":
        parts = [part for item in body["output"] if item["type"] == "message" for part in item["content"]]
        calls = [
            (item["name"], msgspec.json.decode(item["arguments"]))
            for item in body["output"]
            if item["type"] == "function_call"
        ]
        text = "".join(part.get("text") or part.get("refusal") for part in parts)
        return text, calls, body["usage"]["input_tokens"], body["usage"]["output_tokens"]
    if dialect == "messages":
        text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
        calls = [(block["name"], block["input"]) for block in body["content"] if block["type"] == "tool_use"]
        usage = body["usage"]
        return text, calls, usage["input_tokens"] + usage["cache_read_input_tokens"], usage["output_tokens"]
    parts = [part for one in body["candidates"] for part in one.get("content", {}).get("parts", ())]
    calls = [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts if "functionCall" in part]
    text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
    usage = body["usageMetadata"]
    return text, calls, usage["promptTokenCount"], usage["totalTokenCount"] - usage["promptTokenCount"]


def streamed_text(dialect: str, raw: bytes) -> str:
    """The text of a stream, gathered with no code of the project's."""
    text = ""
    for value in stream_of(raw).values:
        if dialect == "chat":
            for choice in value["choices"]:
                content = choice["delta"].get("content") or choice["delta"].get("refusal") or ""
                text += content if isinstance(content, str) else ""
        elif dialect == "responses":
            text += value["delta"] if value["type"] in ("response.output_text.delta", "response.refusal.delta") else ""
        elif dialect == "messages":
            text += value.get("delta", {}).get("text", "")
        else:
            parts = [part for one in value.get("candidates", ()) for part in one.get("content", {}).get("parts", ())]
            text += "".join(part.get("text", "") for part in parts if not part.get("thought"))
    return text
