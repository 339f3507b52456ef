"""The stock SDKs, given the bytes that a client received: what do they take for a whole answer?"""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2 as httpx
import openai
from google import genai
from google.genai import errors as google_errors

from tests.cuts.stage import Got

# What each SDK's user must reckon with; anything else it raises would be a defect of ours, and fails the test.
RAISED = (openai.OpenAIError, anthropic.AnthropicError, google_errors.APIError)


def verdict(front: str, got: Got) -> str | None:
    """The text that the SDK's user ends up with, None where it was told that the answer is not whole."""
    if not got.framed:
        return None  # httpx raises RemoteProtocolError: peer closed connection without sending complete message body
    headers = {name: value for name, value in got.headers.items() if name == "content-type"}
    transport = httpx.MockTransport(lambda _: httpx.Response(got.status, headers=headers, content=got.body))
    try:
        return _ASK[front](httpx.Client(transport=transport))
    except RAISED:
        return None


def _chat(http: httpx.Client) -> str:
    client = openai.OpenAI(api_key="k", base_url="http://g/v1", http_client=http, max_retries=0)
    text = ""
    for chunk in client.chat.completions.create(model="w", messages=[{"role": "user", "content": "hi"}], stream=True):
        for choice in chunk.choices:
            text += str(choice.delta.content or "")  # Mistral sends lists
            for call in choice.delta.tool_calls or []:
                text += (call.function.name or "") + (call.function.arguments or "") if call.function else ""
    return text


def _responses(http: httpx.Client) -> str:
    client = openai.OpenAI(api_key="k", base_url="http://g/v1", http_client=http, max_retries=0)
    text = ""
    for event in client.responses.create(model="w", input="hi", stream=True):
        if event.type in ("response.output_text.delta", "response.function_call_arguments.delta"):
            text += event.delta
    return text


def _messages(http: httpx.Client) -> str:
    client = anthropic.Anthropic(api_key="k", base_url="http://g", http_client=http, max_retries=0)
    text = ""
    ask: Any = {"model": "w", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
    for event in client.messages.create(**ask, stream=True):
        if event.type == "content_block_delta":
            delta: Any = event.delta
            text += getattr(delta, "text", "") or getattr(delta, "partial_json", "") or ""
    return text


def _generate(http: httpx.Client) -> str:
    options: Any = {"base_url": "http://g", "httpx_client": http}
    client = genai.Client(api_key="k", http_options=options)
    text = ""
    for chunk in client.models.generate_content_stream(model="w", contents="hi"):
        for candidate in chunk.candidates or []:
            for part in (candidate.content.parts if candidate.content else None) or []:
                text += part.text or (str(part.function_call.args) if part.function_call else "")
    return text


_ASK = {"openai": _chat, "responses": _responses, "anthropic": _messages, "gemini": _generate}
