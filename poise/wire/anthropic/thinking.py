"""How much the model may think: ``thinking`` and ``output_config.effort``, both ways."""

from __future__ import annotations

from typing import Final

from poise.wire.anthropic.rest import lay
from poise.wire.conversation.ask import Effort, Thinking
from poise.wire.conversation.part import Json, Rest

LEAST_TOKENS: Final = 1024  # the smallest budget that is taken
_EFFORTS: Final[dict[str, Effort]] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
_KINDS: Final = ("enabled", "adaptive", "disabled")  # no set: what stands there may be anything
_SHOWN: Final = {"omitted": False, "summarized": True}
BUDGETS: Final[dict[Effort, int]] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768}
WORDS: Final[dict[Effort, str]] = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}


def read(rest: Rest) -> Thinking | None:
    """Take what is said of thought out of a request's rest; None where nothing is."""
    node, config = rest.get("thinking"), rest.get("output_config")
    effort: Effort | None = None
    if isinstance(config, dict):
        said = config.get("effort")
        effort = _EFFORTS.get(said) if isinstance(said, str) else None
        if effort is not None:
            rest["output_config"] = config = {key: value for key, value in config.items() if key != "effort"}
    if not isinstance(node, dict) or node.get("type") not in _KINDS:
        return None if effort is None else Thinking(effort=effort)
    del rest["thinking"]
    thinking = Thinking(effort=effort, rest=dict(node))
    kind, budget, display = node["type"], node.get("budget_tokens"), node.get("display")
    if kind == "disabled":
        thinking.off = True
    elif kind == "adaptive":
        thinking.budget_tokens = -1
    elif type(budget) is int and budget >= 0:
        thinking.budget_tokens = budget
        del thinking.rest["budget_tokens"]
    if kind != "enabled" or thinking.budget_tokens is not None:
        del thinking.rest["type"]
    if isinstance(display, str) and display in _SHOWN:
        thinking.shown = _SHOWN[display]
        del thinking.rest["display"]
    return thinking


def write(thinking: Thinking, out: dict[str, Json]) -> None:
    """Say it in a request: budget_tokens is -1 or a budget, effort one of Anthropic's own."""
    node: dict[str, Json] = {}
    if thinking.off:
        node["type"] = "disabled"
    elif thinking.budget_tokens == -1:
        node["type"] = "adaptive"
    elif thinking.budget_tokens is not None:
        node["type"], node["budget_tokens"] = "enabled", thinking.budget_tokens
    lay(node, thinking.rest)
    if node and thinking.shown is not None:
        node["display"] = "summarized" if thinking.shown else "omitted"
    if node:
        out["thinking"] = node
    if thinking.effort is not None and thinking.effort in WORDS:
        out["output_config"] = {"effort": WORDS[thinking.effort]}
