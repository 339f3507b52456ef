"""The usage object of each vendor of OpenAI's chat dialect: which figure holds which, and what stands beside."""

from __future__ import annotations

from poise.sim.emulate.asked import Obj, Reply
from poise.sim.emulate.chat_style import GROQ_TIMES


def usage_of(form: str, reply: Reply) -> Obj:
    """The counts in one vendor's form."""
    completion = reply.output + reply.reasoning
    counts: Obj = {
        "prompt_tokens": reply.prompt,
        "completion_tokens": completion,
        "total_tokens": reply.prompt + completion,
    }
    cached: Obj = {"cached_tokens": reply.cached}
    thought: Obj = {"reasoning_tokens": reply.reasoning}
    if form == "openai":
        predicted = {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
        inside: Obj = {"prompt_tokens_details": {**cached, "audio_tokens": 0}}
        return counts | inside | {"completion_tokens_details": {**thought, "audio_tokens": 0, **predicted}}
    if form == "deepseek":
        counts |= {"prompt_cache_hit_tokens": reply.cached, "prompt_cache_miss_tokens": reply.prompt - reply.cached}
        counts["prompt_tokens_details"] = cached
        return counts | ({"completion_tokens_details": thought} if reply.reasoning else {})
    if form == "xai":
        return _xai(reply)
    if form == "mistral":
        return counts | {"prompt_tokens_details": cached}
    if form == "groq":
        counts |= GROQ_TIMES
        counts |= {"prompt_tokens_details": cached} if reply.cached else {}
        return counts | ({"completion_tokens_details": thought} if reply.reasoning else {})
    if form == "openrouter":
        return counts | _openrouter(reply)
    if form == "together":
        return counts | {"cached_tokens": reply.cached}
    if form == "perplexity":
        cost = {
            "input_tokens_cost": 0.00001,
            "output_tokens_cost": 0.00001,
            "request_cost": 0.005,
            "total_cost": 0.00502,
        }
        return counts | {"search_context_size": "low", "cost": cost}
    if form == "vllm":
        return counts | {"prompt_tokens_details": cached if reply.cached else None}
    return counts


def _xai(reply: Reply) -> Obj:
    """Reasoning is counted beside the completion, and in the total."""
    return {
        "prompt_tokens": reply.prompt,
        "completion_tokens": reply.output,
        "total_tokens": reply.prompt + reply.output + reply.reasoning,
        "prompt_tokens_details": {
            "text_tokens": reply.prompt,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": reply.cached,
        },
        "completion_tokens_details": {
            "reasoning_tokens": reply.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
        "cost_in_usd_ticks": 1000 * (reply.prompt + reply.output + reply.reasoning),
    }


def _openrouter(reply: Reply) -> Obj:
    cost = (reply.prompt + 4 * (reply.output + reply.reasoning)) / 1e6
    return {
        "prompt_tokens_details": {
            "cached_tokens": reply.cached,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning, "audio_tokens": 0, "image_tokens": 0},
        "cost": cost,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": cost,
            "upstream_inference_prompt_cost": reply.prompt / 1e6,
            "upstream_inference_completions_cost": cost - reply.prompt / 1e6,
        },
    }
