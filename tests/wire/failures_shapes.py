"""Errors as vendors document them or as people met them, in shapes of which nobody recorded one."""

from __future__ import annotations

import json
from typing import NamedTuple

from poise.errors import Failure

F = Failure
Body = str | dict[str, object] | list[object]


class Shape(NamedTuple):
    """An error, what it means, and its vendor's own code for it."""

    name: str
    status: int
    body: Body
    means: Failure
    code: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    vendor: str = ""

    @property
    def raw(self) -> bytes:
        """The body as it is sent."""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def _error(message: str, type: str | None = None, code: object = None, **more: object) -> Body:
    """An object under ``error``, as most vendors send it; what is None is left out."""
    named = {"message": message, "type": type, "code": code, **more}
    return {"error": {name: value for name, value in named.items() if value is not None}}


SHAPES = (
    Shape(
        "OpenAI: out of quota",
        429,
        _error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
        F.QUOTA,
        "insufficient_quota",
    ),
    Shape(
        "OpenAI: hard limit",
        400,
        _error("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached"),
        F.SPEND_CAP,
        "billing_hard_limit_reached",
    ),
    Shape(
        "OpenAI: slow down", 503, _error("Slow down", "service_unavailable_error", "slow_down"), F.OVERLOAD, "slow_down"
    ),
    Shape(
        "OpenAI: flagged prompt",
        400,
        _error(
            "Your prompt was flagged as potentially violating our usage policy.",
            "invalid_request_error",
            "invalid_prompt",
        ),
        F.CONTENT_FILTER,
        "invalid_prompt",
    ),
    Shape("OpenAI: bare event", 200, _error("The server had an error", "server_error"), F.SERVER, "server_error"),
    Shape(
        "OpenAI: failed response",
        200,
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Rate limit reached"}},
        },
        F.RATE,
        "rate_limit_exceeded",
    ),
    Shape(
        "OpenAI: error event",
        200,
        {
            "type": "error",
            "code": "context_length_exceeded",
            "message": "Too long",
            "param": None,
            "sequence_number": 3,
        },
        F.CONTEXT_LENGTH,
        "context_length_exceeded",
    ),
    Shape(
        "Azure: filtered prompt",
        400,
        _error(
            "The response was filtered",
            code="content_filter",
            param="prompt",
            status=400,
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
        F.CONTENT_FILTER,
        "content_filter",
    ),
    Shape("Azure: numbered 429", 429, _error("Requests have exceeded call rate limit.", code="429"), F.RATE, "429"),
    Shape(
        "Anthropic: spend limit",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
            },
        },
        F.SPEND_CAP,
        "invalid_request_error",
    ),
    Shape(
        "Anthropic: billing",
        402,
        {"type": "error", "error": {"type": "billing_error", "message": "There is a problem with your payment"}},
        F.QUOTA,
        "billing_error",
    ),
    Shape(
        "Anthropic: large",
        413,
        {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}},
        F.TOO_LARGE,
        "request_too_large",
    ),
    Shape(
        "Anthropic: timeout",
        504,
        {"type": "error", "error": {"type": "timeout_error", "message": "timed out"}},
        F.TIMEOUT,
        "timeout_error",
    ),
    Shape(
        "Groq: event error",
        200,
        'event: error\ndata: {"error":{"message":"Over capacity","type":"internal_server_error","code":"over_capacity"}}\n\n',
        F.OVERLOAD,
        "over_capacity",
    ),
    Shape("Groq: flexible tier", 498, _error("capacity exceeded", "flex"), F.OVERLOAD, "flex"),
    Shape(
        "Groq: larger than a minute",
        413,
        _error("Request too large for model `x`: Limit 6000, Requested 9000", "tokens", "rate_limit_exceeded"),
        F.TOO_LARGE,
        "rate_limit_exceeded",
    ),
    Shape(
        "Groq: no JSON",
        400,
        _error("Failed to generate JSON", "invalid_request_error", "json_validate_failed"),
        F.MALFORMED,
        "json_validate_failed",
    ),
    Shape(
        "OpenRouter: chunk",
        200,
        {
            "id": "x",
            "error": {"code": 502, "message": "Provider disconnected"},
            "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
        },
        F.SERVER,
        "502",
    ),
    Shape("OpenRouter: credits", 402, _error("This request requires more credits", code=402), F.QUOTA, "402"),
    Shape(
        "OpenRouter: moderated",
        403,
        _error("Input was flagged by moderation", code=403, metadata={"reasons": ["violence"], "flagged_input": "x"}),
        F.CONTENT_FILTER,
        "403",
    ),
    Shape(
        "OpenRouter: overloaded behind",
        429,
        _error(
            "Provider returned error",
            code=429,
            metadata={"raw": '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'},
        ),
        F.OVERLOAD,
        "overloaded_error",
    ),
    Shape(
        "xAI: credits and limit",
        403,
        {"code": "The caller does not have permission", "error": "Your team has reached its monthly spending limit."},
        F.SPEND_CAP,
        "The caller does not have permission",
    ),
    Shape(
        "Mistral: numbered",
        400,
        {
            "object": "error",
            "message": "Too large for model with 32768 maximum context length",
            "type": "invalid_request_error",
            "param": None,
            "code": "3051",
        },
        F.CONTEXT_LENGTH,
        "3051",
        (),
        "mistral",
    ),
    Shape("Mistral: rate", 429, {"message": "Requests rate limit exceeded"}, F.RATE),
    Shape(
        "Qwen: unpaid",
        400,
        _error("Make sure your account is in good standing.", "Arrearage", "Arrearage"),
        F.QUOTA,
        "Arrearage",
    ),
    Shape(
        "Qwen: inspected",
        400,
        {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content.", "id": "x"},
        F.CONTENT_FILTER,
        "DataInspectionFailed",
    ),
    Shape(
        "Qwen: throttled",
        429,
        {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded, please try again later.", "id": "x"},
        F.RATE,
        "Throttling.RateQuota",
    ),
    Shape(
        "Qwen: long",
        400,
        _error("Range of input length should be [1, 129024]", "invalid_request_error", "invalid_parameter_error"),
        F.CONTEXT_LENGTH,
        "invalid_parameter_error",
    ),
    Shape(
        "Moonshot: busy",
        429,
        _error("The engine is currently overloaded", "engine_overloaded_error"),
        F.OVERLOAD,
        "engine_overloaded_error",
    ),
    Shape(
        "Moonshot: out of quota",
        429,
        _error("Your account is not active", "exceeded_current_quota_error"),
        F.QUOTA,
        "exceeded_current_quota_error",
    ),
    Shape("Z.ai: balance", 429, _error("Your account is in arrears", code="1113"), F.QUOTA, "1113", (), "zai"),
    Shape(
        "DeepSeek: balance",
        402,
        _error("Insufficient Balance", "unknown_error", "invalid_request_error"),
        F.QUOTA,
        "invalid_request_error",
    ),
    Shape("Perplexity: page", 502, "<html><head><title>502 Bad Gateway</title></head></html>", F.SERVER),
    Shape("Hugging Face: loading", 503, {"error": "Model x is currently loading", "estimated_time": 20.5}, F.OVERLOAD),
    Shape(
        "Hugging Face: credits",
        402,
        {"error": "You have exceeded your monthly included credits for Inference Providers."},
        F.QUOTA,
    ),
    Shape(
        "Hugging Face: list",
        422,
        {"error": ["Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"]},
        F.CONTEXT_LENGTH,
    ),
    Shape(
        "Hugging Face: no provider",
        400,
        _error(
            "The requested model 'x' is not supported by any provider you have enabled.",
            "invalid_request_error",
            "model_not_supported",
        ),
        F.NOT_FOUND,
        "model_not_supported",
    ),
    Shape("Ollama: none such", 404, {"error": 'model "x" not found, try pulling it first'}, F.NOT_FOUND),
    Shape(
        "Ollama: busy", 503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, F.OVERLOAD
    ),
    Shape(
        "vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        F.CONTEXT_LENGTH,
        "BadRequestError",
    ),
    Shape(
        "vLLM: model", 404, _error("The model `x` does not exist.", "NotFoundError", 404), F.NOT_FOUND, "NotFoundError"
    ),
    Shape(
        "SGLang",
        400,
        {
            "object": "error",
            "message": "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        F.CONTEXT_LENGTH,
        "BadRequestError",
    ),
    Shape(
        "llama.cpp: loading", 503, _error("Loading model", "unavailable_error", 503), F.OVERLOAD, "unavailable_error"
    ),
    Shape("LM Studio", 400, {"error": "The model is loaded with context length of only 4096 tokens"}, F.CONTEXT_LENGTH),
    Shape(
        "Bedrock: throttled",
        429,
        {"message": "Too many requests, please wait before trying again."},
        F.RATE,
        "ThrottlingException",
        ((b"x-amzn-errortype", b"ThrottlingException:http://internal"),),
    ),
    Shape(
        "Bedrock: long",
        400,
        {"message": "Input is too long for requested model."},
        F.CONTEXT_LENGTH,
        "ValidationException",
        ((b"x-amzn-errortype", b"ValidationException"),),
    ),
    Shape(
        "Bedrock: token",
        403,
        {"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "The security token is invalid."},
        F.AUTH,
        "UnrecognizedClientException",
    ),
    Shape(
        "Bedrock: model",
        400,
        {"message": "The provided model identifier is invalid."},
        F.NOT_FOUND,
        "ValidationException",
        ((b"x-amzn-errortype", b"ValidationException"),),
    ),
    Shape(
        "Gemini: a day's quota",
        429,
        [
            {
                "error": {
                    "code": 429,
                    "status": "RESOURCE_EXHAUSTED",
                    "message": "You exceeded your current quota",
                    "details": [
                        {
                            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                            "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
                        }
                    ],
                }
            }
        ],
        F.QUOTA,
        "RESOURCE_EXHAUSTED",
    ),
    Shape(
        "Gemini: overloaded",
        503,
        _error("The model is overloaded. Please try again later.", code=503, status="UNAVAILABLE"),
        F.OVERLOAD,
        "UNAVAILABLE",
    ),
    Shape("Llama API: problem", 401, {"title": "Unauthorized", "detail": "Invalid API key", "status": 401}, F.AUTH),
    Shape(
        "Cloudflare",
        400,
        {"success": False, "errors": [{"code": 7003, "message": "Could not route"}]},
        F.BAD_REQUEST,
        "7003",
    ),
    Shape("a redirect", 302, "", F.MALFORMED),
    Shape("a gateway's timeout", 524, "error code: 524", F.TIMEOUT),
    Shape("nothing at all", 500, "", F.SERVER),
)
