"""What Anthropic counted. input_tokens is what was neither read from the cache nor written to it; thought is output."""

from __future__ import annotations

from poise.wire.anthropic.rest import lay, note
from poise.wire.conversation.answer import Usage
from poise.wire.conversation.part import Json, Rest

_READ = "cache_read_input_tokens"
_WRITTEN = "cache_creation_input_tokens"
_DETAILS = "output_tokens_details"


def read(node: dict[str, Json]) -> Usage:
    """Usage of a whole answer, or of a stream so far."""
    rest = dict(node)
    cached, written = _count(rest, _READ), _count(rest, _WRITTEN)
    fresh, output = _count(rest, "input_tokens"), _count(rest, "output_tokens")
    thought = 0
    details = rest.get(_DETAILS)
    if isinstance(details, dict):
        said = details.get("thinking_tokens")
        thought = said if type(said) is int and 0 <= said <= output else 0
        if len(details) == 1 and said == thought:
            note(rest, _DETAILS, rest.pop(_DETAILS))
    return Usage(input=fresh, cached=cached, cache_write=written, output=output - thought, reasoning=thought, rest=rest)


def write(usage: Usage, *, own: bool) -> dict[str, Json]:
    """The same in Anthropic's words. Images and sound are not counted apart there."""
    counts: dict[str, Json] = {
        "input_tokens": usage.input + usage.image_input + usage.audio_input,
        "output_tokens": usage.completion,
        _READ: usage.cached,
        _WRITTEN: usage.cache_write,
    }
    out = {key: count for key, count in counts.items() if count or not own}  # zeros that were said stand in rest
    if usage.reasoning:
        out[_DETAILS] = {"thinking_tokens": usage.reasoning}
    return lay(out, usage.rest) if own else out


def _count(rest: Rest, key: str) -> int:
    """Take a figure out of rest; a zero is remembered, for it may as well not be said at all."""
    value = rest.get(key)
    if type(value) is not int or value < 0:
        return 0
    del rest[key]
    if not value:
        note(rest, key, 0)
    return value
