"""What Anthropic counted. input_tokens is what was neither read from the cache nor written to it; thought is output."""

from __future__ import annotations

from poise.wire.anthropic.rest import lay, note
from poise.wire.conversation.answer import Usage, is_count
from poise.wire.conversation.part import Json, Rest

_READ = "cache_read_input_tokens"
_WRITTEN = "cache_creation_input_tokens"
_DETAILS = "output_tokens_details"
_KINDS, _SHORT, _LONG = "cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"
_QUIET = frozenset({"service_tier", "inference_geo", "speed"})  # how and where it was run: nothing of the answer


def read(node: dict[str, Json]) -> Usage:
    """Usage of a whole answer, or of a stream so far."""
    rest = dict(node)
    cached, written = _count(rest, _READ), _count(rest, _WRITTEN)
    fresh, output = _count(rest, "input_tokens"), _count(rest, "output_tokens")
    long = _long(rest, written)
    for key in _QUIET & rest.keys():
        note(rest, key, rest.pop(key))
    thought = 0
    details = rest.get(_DETAILS)
    if isinstance(details, dict):
        said = details.get("thinking_tokens")
        thought = said if type(said) is int and 0 <= said <= output else 0
        if len(details) == 1 and said == thought:
            note(rest, _DETAILS, rest.pop(_DETAILS))
    return Usage(
        input=fresh,
        cached=cached,
        cache_write=written - long,
        cache_write_long=long,
        output=output - thought,
        reasoning=thought,
        rest=rest,
        sure=is_count(node.get("input_tokens")) and is_count(node.get("output_tokens")),
    )


def write(usage: Usage, *, own: bool) -> dict[str, Json]:
    """The same in Anthropic's words. Images and sound are not counted apart there."""
    counts: dict[str, Json] = {
        "input_tokens": usage.input + usage.image_input + usage.audio_input,
        "output_tokens": usage.completion,
        _READ: usage.cached,
        _WRITTEN: usage.cache_written,
    }
    out = {key: count for key, count in counts.items() if count or not own}  # zeros that were said stand in rest
    if usage.reasoning:
        out[_DETAILS] = {"thinking_tokens": usage.reasoning}
    if usage.cache_write_long:
        out[_KINDS] = {_SHORT: usage.cache_write, _LONG: usage.cache_write_long}
    return lay(out, usage.rest) if own else out


def _long(rest: Rest, written: int) -> int:
    """How much of what was written stays for an hour; the object that says so is taken out of rest."""
    kinds = rest.get(_KINDS)
    if not isinstance(kinds, dict) or not kinds.keys() <= {_SHORT, _LONG}:
        return 0
    note(rest, _KINDS, rest.pop(_KINDS))
    said = kinds.get(_LONG)
    return min(said, written) if type(said) is int and said > 0 else 0


def _count(rest: Rest, key: str) -> int:
    """Take a figure out of rest; a zero is remembered, for it may as well not be said at all."""
    value = rest.get(key)
    if type(value) is not int or value < 0:
        return 0
    del rest[key]
    if not value:
        note(rest, key, 0)
    return value
