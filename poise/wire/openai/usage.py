"""What was counted, both ways: vendors of this dialect differ in what stands inside which figure.

Nearly all count cached tokens inside ``prompt_tokens`` and thoughts inside ``completion_tokens``. xAI counts thoughts
beside them (its total tells), Vercel's gateway too (its total does not tell, its prices do), Mistral counts sound
beside the prompt.
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Usage, is_count
from poise.wire.conversation.part import Json
from poise.wire.openai.fields import Obj, count_of, lay, left, object_of

INNER: Final = ("prompt_tokens_details", "completion_tokens_details")
_CACHED: Final = ("cached_tokens", "prompt_cache_hit_tokens", "num_cached_tokens", "cache_read_input_tokens")
# Said in other figures too, or not about tokens of this answer: no loss where another dialect is written.
_FORMAL: Final = frozenset(
    {
        *("prompt_tokens", "completion_tokens", "total_tokens", *INNER, *_CACHED),
        *(
            f"{INNER[0]}.{name}"
            for name in ("cached_tokens", "text_tokens", "video_tokens", "image_tokens", "audio_tokens")
        ),
        *("prompt_cache_miss_tokens", "cache_creation", "cache_creation_input_tokens", "reasoning_tokens"),
        *("audio_prompt_tokens", "prompt_audio_seconds", "draft_tokens", "draft_tokens_acceptance"),
        *(
            "queue_time",
            "prompt_time",
            "completion_time",
            "total_time",
            "latency_checkpoint",
            "service_tier",
            "is_byok",
        ),
    }
)
_OUTSIDE_MARK: Final = "market_cost"  # Vercel's gateway: its cost is prompt + completion + reasoning, at every model


def read(raw: Json) -> Usage | None:
    """Usage in buckets; None where it is no object or counts nothing that is known."""
    if type(raw) is not dict or ("prompt_tokens" not in raw and "completion_tokens" not in raw):
        return None
    usage = _buckets(raw)
    usage.rest = left(raw, _full(usage), *INNER, formal=_FORMAL)
    return usage


def read_stream(raw: Obj) -> Usage | None:
    """As ``read``, without the rest: a stream is never written again by its original."""
    return _buckets(raw) if "prompt_tokens" in raw or "completion_tokens" in raw else None


def _buckets(raw: Obj) -> Usage:
    prompt, completion = count_of(raw.get("prompt_tokens")), count_of(raw.get("completion_tokens"))
    total = count_of(raw.get("total_tokens"))
    told = prompt + completion
    asked, said = object_of(raw.get(INNER[0])), object_of(raw.get(INNER[1]))
    reasoning = count_of(said.get("reasoning_tokens")) or count_of(raw.get("reasoning_tokens"))
    if reasoning and (reasoning > completion or total == prompt + completion + reasoning or _OUTSIDE_MARK in raw):
        completion += reasoning
    audio = count_of(asked.get("audio_tokens"))
    if audio and total == prompt + completion + audio:
        prompt += audio
    cached = count_of(asked.get("cached_tokens")) or next((n for name in _CACHED if (n := count_of(raw.get(name)))), 0)
    written = count_of(asked.get("cache_write_tokens")) or count_of(raw.get("cache_creation_input_tokens"))
    usage = Usage()
    usage.sure = is_count(raw.get("prompt_tokens")) and is_count(raw.get("completion_tokens"))
    if total and total not in (prompt + completion, told):
        usage.sure = False
    # What is more than the whole cannot be inside it: the figure that is charged for stands.
    usage.cached = min(cached, prompt)
    usage.cache_write = min(written, prompt - usage.cached)
    usage.audio_input = min(audio, prompt - usage.cached - usage.cache_write)
    usage.image_input = min(count_of(asked.get("image_tokens")), prompt - usage.prompt)
    usage.input = prompt - usage.prompt
    usage.reasoning = min(reasoning, completion)
    usage.audio_output = min(count_of(said.get("audio_tokens")), completion - usage.reasoning)
    usage.image_output = min(count_of(said.get("image_tokens")), completion - usage.completion)
    usage.output = completion - usage.completion
    return usage


def write(usage: Usage, *, own: bool) -> Obj:
    """OpenAI's usage object."""
    if own:
        return lay(_full(usage), usage.rest, *INNER)
    out: Obj = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
    }
    for name, counts in _details(usage).items():
        out[name] = {bucket: n for bucket, n in counts.items() if n or bucket in ("cached_tokens", "reasoning_tokens")}
    return out


def _full(usage: Usage) -> Obj:
    out: Obj = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
    }
    return out | {name: {**counts} for name, counts in _details(usage).items()}


def _details(usage: Usage) -> dict[str, dict[str, int]]:
    return {
        INNER[0]: {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_written,
            "audio_tokens": usage.audio_input,
            "image_tokens": usage.image_input,
        },
        INNER[1]: {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "image_tokens": usage.image_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
