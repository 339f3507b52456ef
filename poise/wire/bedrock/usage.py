"""What Bedrock counted. inputTokens is what was neither read from the cache nor written to it; thought is output."""

from __future__ import annotations

from poise.wire.anthropic.rest import lay, note
from poise.wire.conversation.answer import Usage, is_count
from poise.wire.conversation.part import FORMAL, Json, Rest

_READ, _WRITTEN, _TOTAL = "cacheReadInputTokens", "cacheWriteInputTokens", "totalTokens"
_TERMS, _HOUR = "cacheDetails", "1h"
_NAMES = ("inputTokens", "outputTokens", _READ, _WRITTEN)


def read(node: dict[str, Json]) -> Usage:
    """Usage of a whole answer, or of a stream's metadata."""
    rest = dict(node)
    fresh, output, cached, written = (_count(rest, name) for name in _NAMES)
    long = min(_long(rest), written)
    found = Usage(
        input=fresh, output=output, cached=cached, cache_write=written - long, cache_write_long=long, rest=rest
    )
    total = rest.pop(_TOTAL, None)
    found.sure = total in (None, found.total, fresh + output) and all(is_count(node.get(name)) for name in _NAMES[:2])
    if total != found.total:
        note(rest, _TOTAL, total)
    if _TOTAL not in node:
        note(rest, "\0total=none")
    return found


def write(usage: Usage, *, own: bool) -> dict[str, Json]:
    """The same in Bedrock's words. Images and sound are not counted apart there."""
    fresh = usage.input + usage.image_input + usage.audio_input
    out: dict[str, Json] = {"inputTokens": fresh, "outputTokens": usage.completion, _TOTAL: usage.total}
    cache = ((_READ, usage.cached), (_WRITTEN, usage.cache_written))
    out.update({name: count for name, count in cache if count})
    if not own:
        if usage.cache_write_long:
            terms = ((_HOUR, usage.cache_write_long), ("5m", usage.cache_write))
            out[_TERMS] = [{"ttl": term, "inputTokens": count} for term, count in terms if count]
        return out
    formal = usage.rest.get(FORMAL)
    lay(out, usage.rest)
    if isinstance(formal, dict):
        for mark in formal:
            if mark.startswith("\0") and mark.endswith("=none"):
                out.pop(_ABSENT[mark], None)
    return out


_ABSENT = {"\0total=none": _TOTAL, "\0inputTokens=none": "inputTokens", "\0outputTokens=none": "outputTokens"}


def _long(rest: Rest) -> int:
    """What was written to stay for an hour; the list of terms is a formality then."""
    terms = rest.get(_TERMS)
    if not isinstance(terms, list):
        return 0
    note(rest, _TERMS, rest.pop(_TERMS))
    counts = [term.get("inputTokens") for term in terms if isinstance(term, dict) and term.get("ttl") == _HOUR]
    return sum(count for count in counts if type(count) is int and count > 0)


def _count(rest: Rest, key: str) -> int:
    """Take a figure out of rest; a zero is remembered, for it may as well not be said at all."""
    value = rest.get(key)
    if key not in rest and f"\0{key}=none" in _ABSENT:
        note(rest, f"\0{key}=none")
    if type(value) is not int or value < 0:
        return 0
    del rest[key]
    if not value:
        note(rest, key, 0)
    return value
