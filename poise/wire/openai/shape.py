"""What is decoded of OpenAI's answers. A file of its own: msgspec reads annotations, which a compiled module does not keep."""

from __future__ import annotations

import msgspec

_ABSENT = msgspec.Raw(b"null")


class Details(msgspec.Struct):
    """What of the prompt was cached."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None


class Written(msgspec.Struct):
    """What of the completion was thought."""

    reasoning_tokens: int | None = None


class UsageShape(msgspec.Struct):
    """OpenAI's usage object; vendors leave out or null what they do not count."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Written | None = None


class Whole(msgspec.Struct):
    """A whole answer, of chat or embeddings, or the error in its place."""

    # Raw | None would be read as None only: msgspec takes a union with Raw for the other member
    model: str | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT
    choices: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


class Choice(msgspec.Struct):
    """One choice of a streamed chunk."""

    index: int | None = None
    delta: dict[str, msgspec.Raw] | None = None
    finish_reason: str | None = None
    text: str | None = None


class Chunk(msgspec.Struct):
    """One event of a streamed answer."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT
