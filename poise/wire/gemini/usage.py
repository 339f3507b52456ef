"""usageMetadata, both ways.

promptTokenCount holds what was cached; what Google's own tools read is counted beside it. candidatesTokenCount leaves
thoughts out. Details by modality are parts of these figures.
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Usage, is_count
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Rest
from poise.wire.gemini.forms import Obj

# What the buckets hold, and how it was billed, which says nothing elsewhere.
_KNOWN: Final = frozenset(
    {
        "promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount",
        "toolUsePromptTokenCount", "promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails",
        "toolUsePromptTokensDetails", "billablePromptUsage", "trafficType", "serviceTier",
    }
)  # fmt: skip
_FIGURES: Final = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")
_MODALITIES: Final = {2: "IMAGE", 4: "AUDIO"}  # by Google's enum number


def read(said: Json) -> Usage | None:
    """Usage; None where there is none. The whole object is kept: it is said again as it was (``said_of``)."""
    if not isinstance(said, dict) or not said:
        return None
    prompt = _count(said, "promptTokenCount")
    cached = min(_count(said, "cachedContentTokenCount"), prompt)
    output = _count(said, "candidatesTokenCount")
    rest: Rest = {name: value for name, value in said.items() if name not in _KNOWN}
    rest[FORMAL] = said
    usage = Usage(cached=cached, reasoning=_count(said, "thoughtsTokenCount"), rest=rest)
    details = said.get("promptTokensDetails")
    if details:
        held = said.get("cacheTokensDetails") if cached else None
        fresh = prompt - cached
        usage.audio_input = min(max(_of(details, "AUDIO") - _of(held, "AUDIO"), 0), fresh)
        usage.image_input = min(max(_of(details, "IMAGE") - _of(held, "IMAGE"), 0), fresh - usage.audio_input)
    usage.input = prompt - cached - usage.image_input - usage.audio_input + _count(said, "toolUsePromptTokenCount")
    details = said.get("candidatesTokensDetails")
    if details:
        usage.image_output = min(_of(details, "IMAGE"), output)
        usage.audio_output = min(_of(details, "AUDIO"), output - usage.image_output)
    usage.output = output - usage.image_output - usage.audio_output
    total, tools = _count(said, "totalTokenCount"), _count(said, "toolUsePromptTokenCount")
    usage.sure = total in (0, usage.total, usage.total - tools) and all(is_count(said.get(name)) for name in _FIGURES)
    return usage


def said_of(usage: Usage) -> Json:
    """The object that usage was read from; None where it was read elsewhere."""
    return usage.rest.get(FORMAL)


def write(usage: Usage, lost: Lost) -> Obj:
    """The usageMetadata of what another dialect counted."""
    lost.rest("usage", usage.rest)
    if usage.cache_written:
        lost.add("usage.cache_write", "what was written to a cache is counted with the rest of the prompt there")
    written = usage.completion - usage.reasoning
    out: Obj = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": written,
        "totalTokenCount": usage.total,
    }
    if usage.cached:
        out["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        out["thoughtsTokenCount"] = usage.reasoning
    if usage.image_input or usage.audio_input:
        text = usage.prompt - usage.image_input - usage.audio_input
        out["promptTokensDetails"] = _details(text, usage.image_input, usage.audio_input)
    if usage.image_output or usage.audio_output:
        out["candidatesTokensDetails"] = _details(usage.output, usage.image_output, usage.audio_output)
    return out


def _count(said: Obj, name: str) -> int:
    value = said.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _of(details: Json, modality: str) -> int:
    total = 0
    for entry in details if isinstance(details, list) else ():
        if isinstance(entry, dict):
            said = entry.get("modality")
            if said == modality or (isinstance(said, int) and _MODALITIES.get(said) == modality):
                total += _count(entry, "tokenCount")
    return total


def _details(text: int, image: int, audio: int) -> Json:
    some = (("TEXT", text), ("IMAGE", image), ("AUDIO", audio))
    return [{"modality": name, "tokenCount": count} for name, count in some if count]
