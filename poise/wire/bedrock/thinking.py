"""How much the model may think. Converse has one field for the effort, and each maker of models fields of its own.

Claude's stand in ``additionalModelRequestFields`` as in Anthropic's own dialect, Nova's as ``reasoningConfig``, the effort
of OpenAI's open models as ``reasoning_effort``.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from poise.wire.anthropic import thinking as claude
from poise.wire.anthropic.rest import note
from poise.wire.bedrock.rest import EFFORT_ON_TOP, WHERE
from poise.wire.conversation.ask import Effort, Thinking
from poise.wire.conversation.part import FORMAL, Json

Family = Literal["claude", "nova", "openai", ""]

_EFFORTS: Final[dict[Json, Effort]] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
}
_ON_TOP: Final[frozenset[Json]] = frozenset({"low", "medium", "high", "xhigh"})
_NOVA: Final[dict[Effort, str]] = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
_OPENAI: Final[dict[Effort, str]] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
}


def family_of(model: str) -> Family:
    """Whose model it is, by its id (``eu.anthropic.claude-...``); '' where the id does not say (an ARN of one's own)."""
    if "anthropic." in model:
        return "claude"
    if "amazon.nova" in model:
        return "nova"
    return "openai" if "openai." in model else ""


def read(more: dict[str, Json], config: dict[str, Json]) -> Thinking | None:
    """Take what is said of thought out of additionalModelRequestFields and outputConfig."""
    found = claude.read(more)
    if found is None:
        found = _of_others(more)
    effort = config.get("effort")
    if isinstance(effort, str) and effort in _ON_TOP and (found is None or found.effort is None):
        found = found or Thinking()
        found.effort = _EFFORTS[effort]
        note(found.rest, EFFORT_ON_TOP)
        del config["effort"]
    return found


def write(said: Thinking, more: dict[str, Json], config: dict[str, Json]) -> None:
    """Say it again, where it stood or where ``adapted`` put it."""
    formal = said.rest.get(FORMAL)
    marks = formal if isinstance(formal, dict) else {}
    effort = said.effort
    if EFFORT_ON_TOP in marks:
        config["effort"] = effort
        said = msgspec.structs.replace(said, effort=None)
    where = marks.get(WHERE)
    if where == "reasoning_effort":
        more["reasoning_effort"] = effort
    elif isinstance(where, dict):
        more["reasoningConfig"] = where
    else:
        claude.write(said, more)


def for_family(said: Thinking, family: Family) -> Thinking | None:
    """Another dialect's wish in the words of Nova or of OpenAI's models; None where it cannot be said."""
    off = said.off or said.effort == "none" or said.budget_tokens == 0
    effort = said.effort or _by_budget(said.budget_tokens)
    found = Thinking(effort=effort)
    if family == "nova":
        where: dict[str, Json] = {"type": "disabled"} if off else {"type": "enabled"}
        if not off:
            where["maxReasoningEffort"] = _NOVA[effort]
        note(found.rest, WHERE, where)
        return found
    if family == "openai" and not off:
        found.effort = _EFFORTS[_OPENAI[effort]]
        note(found.rest, WHERE, "reasoning_effort")
        return found
    return None


def _of_others(more: dict[str, Json]) -> Thinking | None:
    effort = more.get("reasoning_effort")
    if isinstance(effort, str) and effort in _EFFORTS:
        found = Thinking(effort=_EFFORTS[effort])
        note(found.rest, WHERE, "reasoning_effort")
        del more["reasoning_effort"]
        return found
    nova = more.get("reasoningConfig")
    if not isinstance(nova, dict) or nova.get("type") not in ("enabled", "disabled"):
        return None
    word = nova.get("maxReasoningEffort")
    found = Thinking(off=nova["type"] == "disabled", effort=_EFFORTS.get(word) if isinstance(word, str) else None)
    note(found.rest, WHERE, more.pop("reasoningConfig"))
    return found


def _by_budget(tokens: int | None) -> Effort:
    if tokens is None or tokens < 0:
        return "medium"
    return "low" if tokens <= claude.BUDGETS["low"] else "medium" if tokens <= claude.BUDGETS["medium"] else "high"
