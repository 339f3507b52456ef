"""How much a model may think: OpenAI's ``reasoning_effort`` and what other vendors of the dialect say for it."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.ask import Effort, Thinking
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json
from poise.wire.openai.fields import Obj, spelled, spelling, text_of

NAMES: Final = ("reasoning_effort", "reasoning", "thinking", "enable_thinking")
INNER: Final = ("reasoning", "thinking")
_EFFORTS: Final[dict[str, Effort]] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
}
# Budgets in words: the steps that OpenRouter and Anthropic's own compatibility layer use lie near these.
_LOW_TOKENS: Final = 2048
_MEDIUM_TOKENS: Final = 12_000


def read_thinking(raw: Obj) -> Thinking | None:
    """From the first of NAMES that says something known; its spelling is marked in rest, the others are left to the ask."""
    effort = _EFFORTS.get(text_of(raw.get("reasoning_effort")))
    if effort is not None:
        return Thinking(effort=effort, off=effort == "none", rest=spelling("reasoning_effort"))
    for name in INNER:
        said = raw.get(name)
        if type(said) is dict and (found := _read_object(name, said)) is not None:
            return found
    on = raw.get("enable_thinking")
    if type(on) is bool:
        return Thinking(off=not on, budget_tokens=_whole(raw.get("thinking_budget")), rest=spelling("enable_thinking"))
    return None


def _read_object(name: str, said: Obj) -> Thinking | None:
    rest = spelling(name)
    if name == "thinking":  # DeepSeek, Z.ai, Moonshot: Anthropic's words
        kind = said.get("type")
        if kind not in ("enabled", "disabled"):
            return None
        return Thinking(off=kind == "disabled", budget_tokens=_whole(said.get("budget_tokens")), rest=rest)
    effort = _EFFORTS.get(text_of(said.get("effort")))  # OpenRouter
    budget = _whole(said.get("max_tokens"))
    enabled, hidden = said.get("enabled"), said.get("exclude")
    if effort is None and budget is None and type(enabled) is not bool:
        return None
    return Thinking(
        off=effort == "none" or enabled is False,
        effort=effort,
        budget_tokens=budget,
        shown=not hidden if type(hidden) is bool else None,
        rest=rest,
    )


def _whole(value: Json) -> int | None:
    return value if type(value) is int else None


def say_thinking(thinking: Thinking) -> Obj:
    """The fields that an ask of this dialect had for it."""
    name = spelled(thinking.rest, *NAMES)
    if name == "enable_thinking":
        out: Obj = {"enable_thinking": not thinking.off}
        return out | {"thinking_budget": thinking.budget_tokens} if thinking.budget_tokens is not None else out
    if name == "thinking":
        inner: Obj = {"type": "disabled" if thinking.off else "enabled"}
        if thinking.budget_tokens is not None:
            inner["budget_tokens"] = thinking.budget_tokens
        return {name: inner}
    if name == "reasoning":
        inner = {"effort": thinking.effort, "max_tokens": thinking.budget_tokens}
        inner = {key: value for key, value in inner.items() if value is not None}
        if thinking.effort is None and thinking.budget_tokens is None:
            inner["enabled"] = not thinking.off
        if thinking.shown is not None:
            inner["exclude"] = not thinking.shown
        return {name: inner}
    return {"reasoning_effort": thinking.effort}


def write_thinking(thinking: Thinking, lost: Lost) -> Obj:
    """Another dialect's thinking as ``reasoning_effort``; a budget becomes the nearest word, and that is noted."""
    lost.rest("thinking", thinking.rest)
    if thinking.shown:
        lost.add("thinking.shown", "whether thoughts come back is the vendor's own rule there")
    if thinking.off:
        return {"reasoning_effort": "none"}
    if thinking.effort is not None:
        return {"reasoning_effort": thinking.effort}
    budget = thinking.budget_tokens
    if budget is None or budget < 0:
        return {}
    word = "low" if budget <= _LOW_TOKENS else "medium" if budget <= _MEDIUM_TOKENS else "high"
    lost.add("thinking.budget_tokens", f"{budget} became reasoning_effort {word}")
    return {"reasoning_effort": word}
