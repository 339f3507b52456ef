"""What each recorded error means, looked at one by one: by vendor, status and words in the body."""

from __future__ import annotations

from typing import NamedTuple

from poise.errors import Failure

F = Failure


class Row(NamedTuple):
    """Errors of a vendor ('' for any) with a status and words in their body, and what they mean. The first that fits counts."""

    vendor: str
    status: int
    words: str
    means: Failure


# Looked at one by one. Each row is met by a recorded error, and each recorded error meets a row.
REVIEWED = (
    Row("", 401, "", F.AUTH),
    Row("perplexity", 400, "invalid model", F.NOT_FOUND),
    Row("mistral", 400, "invalid model: ", F.NOT_FOUND),
    Row("openai", 400, "the requested model 'gpt-5-search-api' is not supported with the responses api", F.NOT_FOUND),
    Row("openai", 400, "does not exist", F.NOT_FOUND),
    Row("deepseek", 400, "the supported api model names are", F.NOT_FOUND),
    Row("", 404, "", F.NOT_FOUND),
    # a key that is wrong, told as a bad request or as a matter of permission
    Row("xai", 400, "incorrect api key provided", F.AUTH),
    Row("gemini", 400, "api_key_invalid", F.AUTH),
    Row("vertex", 400, "api_key_invalid", F.AUTH),
    Row("gemini", 403, "method doesn't allow unregistered callers", F.AUTH),
    Row("doubleword", 403, '"forbidden"', F.PERMISSION),
    Row("openrouter", 403, "country, region, or territory not supported", F.PERMISSION),
    Row("vertex", 403, "it is disabled", F.PERMISSION),
    Row("vertex", 403, "permission 'aiplatform.endpoints.predict' denied", F.PERMISSION),
    Row("vertex", 400, "user location is not supported", F.PERMISSION),
    # too long, too large
    Row("anthropic", 400, "prompt is too long", F.CONTEXT_LENGTH),
    Row("anthropic", 400, "too many total text bytes", F.TOO_LARGE),
    Row("azure", 413, "length limit exceeded", F.TOO_LARGE),
    Row("cohere", 400, "too_many_tokens", F.CONTEXT_LENGTH),
    Row("deepseek", 400, "maximum context length is", F.CONTEXT_LENGTH),
    Row("gemini", 400, "input token count exceeds", F.CONTEXT_LENGTH),
    Row("vertex", 400, "input token count (1250074) exceeds", F.CONTEXT_LENGTH),
    Row("llamacpp", 400, "exceeds the available context size", F.CONTEXT_LENGTH),
    Row("ollama", 400, "the input length exceeds the context length", F.CONTEXT_LENGTH),
    Row("openai", 400, "your input exceeds the context window", F.CONTEXT_LENGTH),
    Row("openrouter", 400, "maximum context length is 200000 tokens", F.CONTEXT_LENGTH),
    Row("xai", 400, "maximum prompt length is 131072", F.CONTEXT_LENGTH),
    Row("openai", 429, "request too large for", F.TOO_LARGE),  # a whole minute's allowance would not do
    # money
    Row("anthropic", 400, "your credit balance is too low", F.QUOTA),
    # too much, too fast
    Row("zai", 429, "temporarily overloaded", F.OVERLOAD),
    Row("", 429, "", F.RATE),
    Row("anthropic", 529, "overloaded", F.OVERLOAD),
    Row("xai", 503, "at capacity", F.OVERLOAD),
    # the target
    Row("azure", 408, "upstream request timeout", F.TIMEOUT),
    Row("azure", 500, "an error occurred while getting the response", F.SERVER),
    Row("gemini", 500, "an internal error has occurred", F.SERVER),
    Row("huggingface", 500, "internal server error", F.SERVER),
    Row("mistral", 500, "service unavailable", F.SERVER),
    Row("openai", 500, "an error occurred while processing your request", F.SERVER),
    Row("groq", 400, "tool_use_failed", F.MALFORMED),  # the model wrote what is no tool call
    # llama.cpp says 500 where the request asks for what this server does not do
    Row("llamacpp", 500, "requires --jinja", F.BAD_REQUEST),
    Row("llamacpp", 500, "image input is not supported", F.BAD_REQUEST),
    Row("llamacpp", 500, "cannot use both json_schema and grammar", F.BAD_REQUEST),
    # the request
    Row("deepseek", 422, "data did not match any variant", F.BAD_REQUEST),
    Row("mistral", 422, "string_type", F.BAD_REQUEST),
    *(
        Row(vendor, 400, words, F.BAD_REQUEST)
        for vendor, words in (
            ("anthropic", "range: 0..1"),
            ("anthropic", "schema"),
            ("anthropic", "'properties' is not supported"),
            ("anthropic", "does not match"),
            ("anthropic", "unable to download the file"),
            ("anthropic", "should be a valid list"),
            ("anthropic", "`tool_use` ids were found without"),
            ("anthropic", "the file format is invalid"),
            ("deepseek", "unknown variant"),
            ("doubleword", "temperature must be between"),
            ("doubleword", '"invalid request"'),
            ("gemini", "duplicate function declaration"),
            ("gemini", "cannot find field"),
            ("gemini", "the document has no pages"),
            ("gemini", "provided image is not valid"),
            ("gemini", "no such field"),
            ("gemini", "missing key 'type'"),
            ("gemini", "invalid content type"),
            ("gemini", "request contains an invalid argument"),
            ("llamacpp", "type must be number"),
            ("llamacpp", "unsupported content[].type"),
            ("mistral", "not enabled for this model"),
            ("mistral", "unexpected role"),
            ("mistral", "does not have the 'vision' capability"),
            ("ollama", "does not support tools"),
            ("ollama", "invalid message content type"),
            ("openai", "invalid_value"),
            ("openai", "invalid_type"),
            ("openai", "decimal_"),
            ("openai", "unsupported_"),
            ("openai", "unknown_parameter"),
            ("openai", "invalid_image"),
            ("openai", "invalid_function_parameters"),
            ("openai", "empty_string"),
            ("openai", "previous_response_not_found"),
            ("openai", "unrecognized request argument"),
            ("openai", "web search options not supported"),
            ("openai", "invalid token in prompt"),
            ("openai", "expected context stuffing file type"),
            ("openai", "must contain the word 'json'"),
            ("openai", "unsupported parameter: 'temperature'"),
            ("openrouter", "unsupported_value"),
            ("vertex", "temperature value of 1000"),
            ("vertex", "cached content model does not match"),
            ("vertex", "invalid cachedcontent name"),
            ("vertex", "cannot fetch content"),
            ("vertex", "request contains an invalid argument"),
        )
    ),
)
