"""usageMetadata, both ways.

promptTokenCount holds what was cached; what Google's own tools read is counted beside it. candidatesTokenCount leaves
thoughts out. Details by modality are parts of these figures.
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Usage
from poise.wire.conversation.part import Json
from poise.wire.gemini.forms import Obj

_MODALITIES: Final = {2: "IMAGE", 4: "AUDIO"}  # by Google's enum number


def read(said: Json) -> Usage | None:
    """Usage; None where there is none. The whole object is kept: it is said again as it was."""
    if not isinstance(said, dict) or not said:
        return None
    prompt = _count(said, "promptTokenCount")
    cached = min(_count(said, "cachedContentTokenCount"), prompt)
    output = _count(said, "candidatesTokenCount")
    usage = Usage(cached=cached, reasoning=_count(said, "thoughtsTokenCount"), rest=said)
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
    return usage


def write(usage: Usage) -> Obj:
    """The usageMetadata of what another dialect counted."""
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
