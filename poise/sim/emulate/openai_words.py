"""What the vendors that speak OpenAI's dialects say when they refuse: status, words, type and code of each.

Source: recorded errors; where a vendor has no row of its own, none was recorded, and it says what OpenAI says.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Said(msgspec.Struct, frozen=True):
    """An error before it has its shape."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = {}


_RATE: Final = {
    "retry-after": "20",
    "retry-after-ms": "20000",
    "x-ratelimit-limit-requests": "200",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "20s",
}
KINDS: Final[dict[str, Said]] = {
    "key_missing": Said(
        401, "You didn't provide an API key. You need to provide your API key in an Authorization header."
    ),
    "key_wrong": Said(401, "Incorrect API key provided: {text}.", code="invalid_api_key"),
    "forbidden": Said(403, "You have insufficient permissions for this operation.", code="insufficient_permissions"),
    "no_path": Said(404, "Invalid URL ({text})"),
    "method": Said(405, "Not allowed to {text}."),
    "no_model": Said(404, "The model `{text}` does not exist or you do not have access to it.", code="model_not_found"),
    "bad_json": Said(400, "We could not parse the JSON body of your request. ({text})"),
    "invalid": Said(400, "{text}"),
    "rate": Said(
        429,
        "Rate limit reached for {text} on requests per min (RPM): Limit 3, Used 3, Requested 1. "
        "Please try again in 20s.",
        "requests",
        "rate_limit_exceeded",
        headers=_RATE,
    ),
    "quota": Said(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "context": Said(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 500000 "
        "tokens. "
        "Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    ),
    "overloaded": Said(503, "The engine is currently overloaded, please try again later", "server_error"),
    "stream-error": Said(
        500, "The server had an error while processing your request. Sorry about that!", "server_error"
    ),
}

OWN: Final[dict[tuple[str, str], Said]] = {
    ("azure", "key_missing"): Said(
        401, "Access denied due to invalid subscription key or wrong API endpoint.", code="401"
    ),
    ("azure", "key_wrong"): Said(
        401, "Access denied due to invalid subscription key or wrong API endpoint.", code="401"
    ),
    ("azure", "no_model"): Said(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound"),
    ("azure", "no_path"): Said(404, "Resource not found", code="404"),
    ("azure", "rate"): Said(
        429,
        "Your requests to {text} have exceeded rate limit.",
        code="RateLimitReached",
        headers={"retry-after": "1", "retry-after-ms": "1000"},
    ),
    ("azure", "filter"): Said(
        400,
        "The response was filtered due to the prompt triggering the content management policy.",
        code="content_filter",
        param="prompt",
    ),
    ("deepseek", "key_wrong"): Said(
        401, "Authentication Fails, Your api key: {text} is invalid", "authentication_error"
    ),
    ("deepseek", "no_model"): Said(
        400, "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed {text}."
    ),
    ("deepseek", "context"): Said(
        400,
        "This model's maximum context length is 65536 tokens. However, you requested "
        "1250019 tokens "
        "(1250019 in the messages, 0 in the completion).",
    ),
    ("deepseek", "quota"): Said(402, "Insufficient Balance", "unknown_error"),
    ("xai", "key_missing"): Said(401, "No API key provided.", code="Unauthenticated"),
    ("xai", "key_wrong"): Said(400, "Incorrect API key provided: {text}.", code="Client specified an invalid argument"),
    ("xai", "no_model"): Said(
        404,
        "The model {text} does not exist or your team does not have access to it.",
        code="Some requested entity was not found",
    ),
    ("xai", "context"): Said(
        400, "This model's maximum prompt length is 131072 but the request contains 625077 tokens."
    ),
    ("xai", "overloaded"): Said(
        503,
        "Service temporarily unavailable. The model is at capacity and currently cannot serve this request.",
        code="The service is currently unavailable",
    ),
    ("mistral", "key_missing"): Said(401, "Unauthorized"),
    ("mistral", "key_wrong"): Said(401, "Unauthorized"),
    ("mistral", "no_model"): Said(400, "Invalid model: {text}", "invalid_model", "1500"),
    ("mistral", "rate"): Said(429, "Rate limit exceeded", "rate_limited", "1300"),
    ("mistral", "stream-error"): Said(500, "Service unavailable.", "internal_server_error", "1000"),
    ("mistral", "overloaded"): Said(503, "Service unavailable.", "internal_server_error", "1000"),
    ("mistral", "context"): Said(
        400,
        "Prompt contains 500000 tokens, too large for model with 131072 maximum context length",
        "invalid_request_prompt",
        "3051",
    ),
    ("groq", "key_wrong"): Said(401, "Invalid API Key", code="invalid_api_key"),
    ("groq", "key_missing"): Said(401, "Invalid API Key", code="invalid_api_key"),
    ("groq", "rate"): Said(
        429,
        "Rate limit reached for model `{text}` on tokens per minute (TPM): Limit 6000, "
        "Used 5969, Requested 709. "
        "Please try again in 6.78s.",
        "tokens",
        "rate_limit_exceeded",
        headers={"retry-after": "7"},
    ),
    ("openrouter", "key_missing"): Said(401, "No auth credentials found"),
    ("openrouter", "key_wrong"): Said(401, "User not found."),
    ("openrouter", "no_model"): Said(404, "No endpoints found for {text}."),
    ("openrouter", "rate"): Said(
        429,
        "Rate limit exceeded: limit_rpm/{text}.",
        headers={"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1754667660000"},
    ),
    ("openrouter", "quota"): Said(402, "Insufficient credits."),
    ("openrouter", "context"): Said(
        400, "This endpoint's maximum context length is 200000 tokens. However, you requested about 2500021 tokens."
    ),
    ("qwen", "quota"): Said(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    ("perplexity", "key_missing"): Said(401, "Invalid API key provided.", "invalid_api_key"),
    ("perplexity", "key_wrong"): Said(
        401, "Invalid API key provided. Ensure your API key is correct and active.", "invalid_api_key"
    ),
    ("perplexity", "no_model"): Said(400, "Invalid model '{text}'.", "invalid_model"),
    ("llamacpp", "context"): Said(
        400,
        "request (2009 tokens) exceeds the available context size (512 tokens), try increasing it",
        "exceed_context_size_error",
    ),
    ("llamacpp", "key_wrong"): Said(401, "Invalid API Key", "authentication_error"),
    ("llamacpp", "overloaded"): Said(503, "Loading model", "unavailable_error"),
    ("ollama", "no_model"): Said(404, 'model "{text}" not found, try pulling it first', "api_error"),
    ("vllm", "no_model"): Said(404, "The model `{text}` does not exist.", "NotFoundError"),
}
