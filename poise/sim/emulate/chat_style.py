"""How vendors' servers differ within OpenAI's chat dialect: one row each. Source: recorded answers of each vendor."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from poise.sim.emulate.asked import Obj

_FILTERED: Final[Obj] = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}
_PROMPT_FILTER: Final[Obj] = {**_FILTERED, "jailbreak": {"detected": False, "filtered": False}}
_GROQ_TIMES: Final[Obj] = {"queue_time": 0.1, "prompt_time": 0.01, "completion_time": 0.02, "total_time": 0.03}
_TIMINGS: Final[Obj] = {
    "cache_n": 0, "prompt_n": 1, "prompt_ms": 5.8, "prompt_per_token_ms": 5.8, "prompt_per_second": 173.1,
    "predicted_n": 7, "predicted_ms": 35.6, "predicted_per_token_ms": 5.9, "predicted_per_second": 168.6,
}  # fmt: skip
_SOURCE: Final[Obj] = {
    "title": "A page",
    "url": "https://example.com/page",
    "date": "2026-02-01",
    "last_updated": "2026-06-22",
    "snippet": "Words of the page.",
    "source": "web",
    "place_metadata": None,
}


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """A row. first: fields of the first delta beside the role; alone: that delta is a chunk of its own.

    usage says where it stands in a stream: ``asked`` (a last chunk without choices, where the caller asked; ``null``
    before it where usage_null), ``always`` (that chunk comes unasked), ``finish`` (on the chunk that ends), ``every``,
    ``choice`` (one more chunk with a choice that ends again), ``groq`` (on the end, in x_groq too, and ``asked``).
    counts are the forms of the usage object (chat_usage.py).
    thought is the field for it, ``hidden``, or ``parts`` (typed parts in content); beside: what stands in the other of
    content and thought while one streams ("" for an empty text, None for null, absent where it is ``-``).
    finish_key false: finish_reason is absent, not null, until the end. joins: what shares a chunk with the end.
    """

    url_path: str = "/v1"
    id: str = "chatcmpl-"
    call_id: str = "call_"
    call_id_size: int = 16
    first: Obj = msgspec.field(default_factory=lambda: {"content": ""})
    alone: bool = True
    every_delta: Obj = {}
    later_delta: Obj = {}
    last_delta: Obj = {}
    chunk: Obj = {}
    first_chunk: Obj = {}
    last_chunk: Obj = {}
    choice: Obj = msgspec.field(default_factory=lambda: {"logprobs": None})
    first_choice: Obj = {}
    last_choice: Obj = {}
    prelude: bytes = b""
    opening: Obj | None = None
    line_end: bytes = b"\n"
    done: bool = True
    usage: Literal["asked", "always", "finish", "every", "choice", "groq"] = "asked"
    usage_null: bool = False
    counts: str = "openai"
    finish_key: bool = True
    thought: Literal["hidden", "reasoning_content", "reasoning", "parts"] = "hidden"
    beside: str | None = "-"
    refusal: bool = False
    whole_calls: bool = False
    call_later: Obj = {}
    joins: Literal["", "calls", "text"] = ""
    padding: str = ""
    cumulative: bool = False
    native: bool = False
    whole: Obj = {}
    whole_choice: Obj = msgspec.field(default_factory=lambda: {"logprobs": None})
    whole_message: Obj = {}
    call_type: bool = True


def _row(**fields: Any) -> Style:  # noqa: ANN401 - the fields of Style
    return Style(**fields)


_OPENAI_CHUNK: Final[Obj] = {"service_tier": "default", "system_fingerprint": "fp_emulated"}
_OPENAI = _row(
    first={"content": "", "refusal": None}, chunk=_OPENAI_CHUNK, usage_null=True, refusal=True, padding="obfuscation",
    whole=_OPENAI_CHUNK, whole_message={"refusal": None, "annotations": []},
)  # fmt: skip

STYLES: Final[dict[str, Style]] = {
    "openai": _OPENAI,
    "azure": _row(
        url_path="", first={"content": "", "refusal": None}, chunk={"service_tier": "default", "system_fingerprint": None},
        choice={"logprobs": None, "content_filter_results": {"protected_material_text": {"detected": False, "filtered": False}}},
        opening={
            "choices": [], "created": 0, "id": "", "model": "", "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _PROMPT_FILTER}],
        },
        usage_null=True, refusal=True, padding="obfuscation",
        whole={
            **_OPENAI_CHUNK, "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _PROMPT_FILTER}],
        },
        whole_choice={"logprobs": None, "content_filter_results": _FILTERED},
        whole_message={"refusal": None, "annotations": []},
    ),
    "deepseek": _row(
        chunk={"system_fingerprint": "fp_emulated"}, last_delta={"content": ""}, usage="finish", usage_null=True,
        counts="deepseek", thought="reasoning_content", beside=None, whole={"system_fingerprint": "fp_emulated"},
    ),
    "xai": _row(
        id="", first={}, alone=False, chunk={"system_fingerprint": "fp_emulated"}, choice={}, usage="always", counts="xai",
        finish_key=False, thought="reasoning_content", whole_calls=True, whole={"system_fingerprint": "fp_emulated"},
        whole_choice={}, whole_message={"refusal": None},
    ),
    "mistral": _row(
        id="", call_id="", call_id_size=9, choice={}, usage="finish", counts="mistral", last_delta={"content": ""},
        thought="parts", whole_calls=True, joins="calls", padding="p", whole_choice={}, whole_message={"tool_calls": None},
        call_type=False,
    ),
    "groq": _row(
        url_path="/openai/v1", chunk={"system_fingerprint": "fp_emulated"},
        first_chunk={"x_groq": {"id": "req_emulated", "seed": 1534428839}}, usage="groq", counts="groq",
        thought="reasoning", whole_calls=True,
        whole={
            "system_fingerprint": "fp_emulated", "service_tier": "on_demand", "usage_breakdown": None,
            "x_groq": {"id": "req_emulated", "seed": 307780601},
        },
    ),
    "openrouter": _row(
        url_path="/api/v1", id="gen-", first={}, alone=False, every_delta={"role": "assistant"},
        chunk={"provider": "OpenAI", "system_fingerprint": "fp_emulated"}, choice={}, last_delta={"content": ""},
        last_chunk={"service_tier": None}, prelude=b": OPENROUTER PROCESSING\n\n" * 2, usage="choice", counts="openrouter",
        thought="reasoning", beside="", native=True,
        whole={"provider": "OpenAI", "service_tier": None, "system_fingerprint": "fp_emulated"},
        whole_message={"refusal": None, "reasoning": None},
    ),
    "qwen": _row(
        url_path="/compatible-mode/v1", choice={}, first_choice={"logprobs": None}, later_delta={"role": None},
        last_delta={"content": ""}, usage_null=True,
        counts="mistral", finish_key=False, thought="reasoning_content", beside=None,
        call_later={"id": "", "type": "function"}, whole_choice={},
    ),
    "together": _row(
        first={"content": None}, last_delta={"content": "", "token_id": 128009},
        last_choice={"text": "", "seed": 9584440617167083500}, usage="finish", counts="together", thought="reasoning",
        whole={"prompt": []}, whole_choice={"logprobs": None, "seed": 10984251093467475000}, whole_message={"tool_calls": []},
    ),
    "perplexity": _row(
        url_path="", first={}, alone=False, every_delta={"role": "assistant"}, last_delta={"content": ""},
        chunk={"citations": ["https://example.com/page"], "search_results": [_SOURCE]}, choice={}, line_end=b"\r\n",
        done=False, usage="every", counts="perplexity", finish_key=False, cumulative=True,
        whole={"citations": ["https://example.com/page"], "search_results": [_SOURCE]},
        whole_choice={"delta": {"role": "assistant", "content": ""}},
    ),
    "vllm": _row(
        last_choice={"stop_reason": None}, thought="reasoning", joins="text",
        whole={"prompt_logprobs": None, "kv_transfer_params": None}, whole_choice={"logprobs": None, "stop_reason": None},
        whole_message={"refusal": None, "tool_calls": []}, counts="vllm",
    ),
    "llamacpp": _row(
        first={"content": None}, chunk={"system_fingerprint": "b10499-6d05498"}, choice={}, last_chunk={"timings": _TIMINGS},
        counts="mistral", thought="reasoning_content", whole={"system_fingerprint": "b10499-6d05498", "timings": _TIMINGS},
        whole_choice={},
    ),
    "ollama": _row(
        first={}, alone=False, chunk={"system_fingerprint": "fp_ollama"}, choice={}, thought="reasoning", beside="",
        whole_calls=True, counts="plain", whole={"system_fingerprint": "fp_ollama"}, whole_choice={},
    ),
}  # fmt: skip
GROQ_TIMES: Final = _GROQ_TIMES
