"""Where each recorded endpoint is sent: its dialect and door, and the row of the vendors' table that it is played by."""

from __future__ import annotations

from typing import Final, NamedTuple

from poise.edge.vendors import VENDORS, surface_for

# What an endpoint's name ends with, and the dialect that it is; EMBEDS and COUNTS are beside a chat dialect.
DIALECTS: Final = {
    "chat": "openai",
    "openai_chat": "openai",
    "responses": "responses",
    "messages": "anthropic",
    "anthropic_rawPredict": "anthropic",
    "anthropic_streamRawPredict": "anthropic",
    "count_tokens": "anthropic-count",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
    "countTokens": "gemini-count",
    "embeddings": "embeddings",
    "embedContent": "gemini-embed",
    "batchEmbedContents": "gemini-embeds",
}
CHATS: Final = {
    "anthropic-count": "anthropic",
    "gemini-count": "gemini",
    "embeddings": "openai",
    "gemini-embed": "gemini",
    "gemini-embeds": "gemini",
}
# By the whole name, or by what it ends with: why there is nothing to send.
NO_DOOR: Final = {
    "ollama.chat": "Ollama's own format",
    "chat_v1": "Cohere's own format",
    "chat_v2": "Cohere's own format",
    "embed": "Cohere's and Ollama's own formats",
    "generate": "Ollama's own format",
    "native_generation": "DashScope's own format",
    "native_embedding": "DashScope's own format",
    "predict": "Vertex' own format for embeddings",
    "interactions": "Google's second API",
    "completions": "OpenAI's first API",
    "responses_compact": "beside responses, no door",
    "responses_input_tokens": "beside responses, no door",
    "images.generate": "played by tests/images",
    "images.edit": "played by tests/images",
    "models": "Poise lists its own",
}
# Whose row plays an endpoint whose vendor has none, or does not speak the dialect at its first address.
USUAL: Final = {"openai": "openai-compatible", "responses": "openai", "anthropic": "anthropic", "gemini": "gemini"}


class Place(NamedTuple):
    """dialect is the door's; vendor the row of ``VENDORS`` that the target has."""

    endpoint: str
    dialect: str
    vendor: str

    @property
    def chat(self) -> str:
        """The dialect of conversations that this one belongs to."""
        return CHATS.get(self.dialect, self.dialect)


def place_of(endpoint: str) -> Place | None:
    """Where an endpoint is sent; None where there is no door for it."""
    prefix, _, kind = endpoint.partition(".")
    dialect = "" if endpoint in NO_DOOR else DIALECTS.get(kind, "")
    if not dialect:
        return None
    chat = CHATS.get(dialect, dialect)
    return Place(endpoint, dialect, prefix if _speaks(prefix, chat) else USUAL[chat])


def why_not(endpoint: str) -> str:
    """Why an endpoint is not sent; '' where nobody has thought of it."""
    return NO_DOOR.get(endpoint) or NO_DOOR.get(endpoint.partition(".")[2], "")


def _speaks(vendor: str, chat: str) -> bool:
    """Whether a vendor's targets are reached in this dialect without a translation."""
    row = VENDORS.get(vendor)
    first = surface_for(row, "") if row is not None else None
    if row is None or first is None:
        return False
    return any(surface.dialect == chat and surface.path == first.path for surface in row.speaks)
