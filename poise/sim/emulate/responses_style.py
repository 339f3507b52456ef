"""How vendors' servers differ within OpenAI's responses dialect: one row each.

Source: recorded answers; of vLLM and Groq none, of llama.cpp one whole one: there what their documentation shows, or OpenAI's.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.sim.emulate.asked import Obj, Reply

_SHOWN: Final[Obj] = {
    "background": False, "frequency_penalty": 0.0, "instructions": None, "max_output_tokens": None, "max_tool_calls": None,
    "parallel_tool_calls": True, "presence_penalty": 0.0, "previous_response_id": None, "prompt_cache_key": None,
    "prompt_cache_retention": None, "safety_identifier": None, "service_tier": "auto", "store": True, "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto", "tools": [], "top_logprobs": 0,
    "top_p": 1.0, "truncation": "disabled", "user": None, "metadata": {},
}  # fmt: skip


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """A row. named: events have names beside their type; prelude comes before them, keepalive after the second, and
    ``[DONE]`` at the end where done. padded: pieces of text come with padding.

    content: thought is the item's content, shown to everybody, and no summary; sealed as well where sealed. refusal: a
    part of its own. whole_calls: arguments in one piece. shown are the settings that an answer repeats, of ``text`` its
    verbosity too; bare: none of them, and nothing else that may be left out; extra stands beside.
    """

    named: bool = True
    prelude: bytes = b""
    keepalive: bytes = b""
    done: bool = False
    padded: bool = True
    content: bool = False
    refusal: bool = True
    whole_calls: bool = False
    bare: bool = False
    verbosity: bool = True
    sealed: bool = False
    shown: Obj = msgspec.field(default_factory=lambda: _SHOWN)
    extra: Obj = {}


def _without(*names: str) -> Obj:
    return {name: value for name, value in _SHOWN.items() if name not in names}


_OPEN: Final = Style(
    padded=False, verbosity=False, content=True, refusal=False, shown=_without("prompt_cache_retention")
)
STYLES: Final[dict[str, Style]] = {
    "openai": Style(),
    "azure": Style(extra={"content_filters": None}),
    "xai": Style(
        keepalive=b": keepalive\n\n", padded=False, whole_calls=True, verbosity=False, shown=_without("prompt_cache_retention")
    ),
    "openrouter": Style(
        named=False, prelude=b": OPENROUTER PROCESSING\n\n", done=True, padded=False, content=True, refusal=False,
        sealed=True, verbosity=False, shown=_without("prompt_cache_retention", "user"), extra={"reasoning": None},
    ),
    "groq": _OPEN,
    "vllm": _OPEN,
    "llamacpp": Style(padded=False, content=True, refusal=False, bare=True, shown={}),
}  # fmt: skip


def usage_of(vendor: str, reply: Reply) -> Obj:
    """The counts in one vendor's form."""
    output = reply.output + reply.reasoning
    usage: Obj = {
        "input_tokens": reply.prompt,
        "input_tokens_details": {"cached_tokens": reply.cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning},
        "total_tokens": reply.prompt + output,
    }
    if vendor == "xai":
        usage |= {"num_sources_used": 0, "num_server_side_tools_used": 0, "cost_in_usd_ticks": 1000 * output}
        usage["context_details"] = {"input_tokens": reply.prompt, "output_tokens": output}
    elif vendor == "openrouter":
        read, written = reply.prompt / 1e6, 4 * output / 1e6
        parts = {"upstream_inference_input_cost": read, "upstream_inference_output_cost": written}
        costs = {"upstream_inference_cost": read + written, **parts}
        usage |= {"cost": read + written, "is_byok": False, "cost_details": costs}
    elif vendor == "llamacpp":
        del usage["output_tokens_details"]
    return usage
