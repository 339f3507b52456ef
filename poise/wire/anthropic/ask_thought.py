"""How much another dialect's ask lets the model think, in Anthropic's terms, and what may not stand beside it."""

from __future__ import annotations

from poise.wire.anthropic.thinking import BUDGETS, LEAST_TOKENS, WORDS
from poise.wire.conversation.ask import Ask, Thinking
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Message, Reasoning, ToolCall


def thought_of(ask: Ask, out: Ask, lost: Lost, manner: Manner) -> None:
    """Set thinking in out, and change what is refused beside it.

    A model that decides by itself (its row's ``lacks`` names ``budget_tokens``) is told the effort; others get a budget.
    """
    said = ask.thinking
    if said is None:
        return
    lost.rest("reasoning", said.rest)
    if "thinking" in manner.lacks:
        if not said.off:
            lost.add("reasoning", "the model does not think on request")
        return
    if said.off or said.effort == "none" or said.budget_tokens == 0:
        out.thinking = Thinking(off=True)
        return
    if said.effort is None and said.budget_tokens is None:
        return  # only whether thoughts are shown: they are, where there are any
    if "budget_tokens" in manner.lacks:
        out.thinking = Thinking(budget_tokens=-1, effort=said.effort if said.effort in WORDS else None)
    else:
        budget = _budget(said, ask.max_output)
        reason = _against(out, budget)
        if reason:
            lost.add("reasoning", reason)
            return
        out.thinking = Thinking(budget_tokens=budget)
        if ask.max_output is None and out.max_output is not None:
            out.max_output += budget  # the limit counts thought too
    _beside(out, lost)


def _budget(said: Thinking, limit: int | None) -> int:
    wanted = said.budget_tokens if said.budget_tokens is not None and said.budget_tokens > 0 else 0
    budget = max(wanted or BUDGETS[said.effort or "medium"], LEAST_TOKENS)
    return budget if limit is None else min(budget, limit - limit // 4)  # some of the limit is left to answer with


def _against(out: Ask, budget: int) -> str:
    """Why the model may not think here; '' where it may."""
    if budget < LEAST_TOKENS:
        return f"the output limit leaves no room for the {LEAST_TOKENS} tokens of thought that are the least there"
    if out.tool_choice is not None and out.tool_choice.mode in {"any", "one"}:
        return "cannot stand beside a tool that must be called there"
    if _amid_tools(out.messages):
        return "the turn that called tools began without sealed thought, so it cannot go on with thought there"
    return ""


def _amid_tools(messages: list[Message]) -> bool:
    """Whether the conversation ends within a turn of tools that did not begin with thought."""
    if not messages or messages[-1].role != "tool":
        return False
    for message in reversed(messages):
        if message.role == "assistant" and any(isinstance(part, ToolCall) for part in message.parts):
            return not isinstance(message.parts[0], Reasoning)
    return False


def _beside(out: Ask, lost: Lost) -> None:
    if out.temperature is not None and out.temperature != 1:
        lost.add("temperature", "cannot stand beside thought there")
    if out.top_k is not None:
        lost.add("top_k", "cannot stand beside thought there")
    if out.top_p is not None and out.top_p < 0.95:
        lost.add("top_p", "is at least 0.95 beside thought there")
        out.top_p = None
    out.temperature, out.top_k = None, None
