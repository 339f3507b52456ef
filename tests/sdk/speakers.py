"""Speakers by name, and what each vendor's emulator shows of thought and refusals."""

from __future__ import annotations

from tests.sdk.speak_anthropic import Messages
from tests.sdk.speak_gemini import GenerateContent
from tests.sdk.speak_openai import Chat, Responses
from tests.sdk.speaking import Clients, Speaker

SPEAKERS: dict[str, type[Speaker]] = {
    "chat": Chat,
    "responses": Responses,
    "messages": Messages,
    "generate_content": GenerateContent,
}


def words_in(body: object) -> str:
    """All words of a request, in their order, put together."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "".join(words_in(one) for one in body)
    if isinstance(body, dict):
        return "".join(words_in(value) for name, value in body.items() if name in ("parts", "content", "text"))
    return ""


def speaker(clients: Clients, sdk: str, way: str, vendor: str) -> Speaker:
    """A conversation that has not begun."""
    return SPEAKERS[sdk](clients, vendor, way)
