"""What inputs are made of: what was recorded, where it is at hand, beside a few of each form that are written here."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from poise.errors import AttemptFailed, Error
from poise.wire.bedrock.codec import Bedrock
from poise.wire.conversation.codec import Codec, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.dialects import CODECS
from poise.wire.sse import Splitter
from tests.recordings import FOLDER
from tests.wire.crossing.recorded import ENDPOINTS, Kind, recorded

MAX_SEED_BYTES: Final = 24 * 1024  # small ones are changed more often in the same time
MAX_EACH: Final = 30  # of one endpoint and kind
ALL: Final[dict[str, Codec]] = {**CODECS, "bedrock": Bedrock()}

_CALL: Final = {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}, "id": "c1"}
_BUILT: Final[dict[tuple[str, Kind], list[Any]]] = {
    ("openai", "ask"): [
        {
            "model": "m",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "text", "text": "t"}]},
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
                },
                {"role": "assistant", "content": None, "tool_calls": [_CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "1"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "j", "schema": {}}},
            "stop": ["x"],
            "max_tokens": 3,
            "n": 2,
            "user": "u",
        }
    ],
    ("openai", "answer"): [
        {
            "id": "1",
            "model": "m",
            "choices": [{"message": {"content": "a", "tool_calls": [_CALL]}, "finish_reason": "stop"}],
        }
    ],
    ("openai", "stream"): [
        (
            'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}\n\n'
            'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}}]}\n\n'
            'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n'
        )
    ],
    ("responses", "ask"): [{"model": "m", "input": [{"role": "user", "content": "t"}], "instructions": "s"}],
    ("responses", "answer"): [
        {"id": "r", "model": "m", "status": "completed", "output": [{"type": "message", "content": [{"text": "a"}]}]}
    ],
    ("responses", "stream"): [
        (
            'event: response.created\ndata: {"type":"response.created","response":{"id":"r","model":"m"}}\n\n'
            'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}\n\n'
            'data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}\n\n'
        )
    ],
    ("anthropic", "ask"): [
        {
            "model": "m",
            "max_tokens": 9,
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [
                {"role": "user", "content": "t"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "1"}]},
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        }
    ],
    ("anthropic", "answer"): [
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"}
    ],
    ("anthropic", "stream"): [
        (
            'event: message_start\ndata: {"type":"message_start","message":{"id":"1","model":"m","usage":{}}}\n\n'
            'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
            'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
            'data: {"type":"content_block_stop","index":0}\n\n'
            'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}\n\n'
            'data: {"type":"message_stop"}\n\n'
        )
    ],
    ("gemini", "ask"): [
        {
            "contents": [
                {"role": "user", "parts": [{"text": "t"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"b": 1}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {}}}]}],
            "generationConfig": {"maxOutputTokens": 3, "thinkingConfig": {"thinkingBudget": -1}},
        }
    ],
    ("gemini", "answer"): [
        {"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "finishReason": "STOP"}]}
    ],
    ("gemini", "stream"): [
        (
            'data: {"candidates":[{"content":{"parts":[{"text":"a","thought":true}]}}],"modelVersion":"m"}\r\n\r\n'
            'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}]}\r\n\r\n'
        )
    ],
}
FAILURES: Final = [
    *(b"", b"<html>502</html>", b'"text"', b"[]", b'{"detail":[{"loc":["body",0],"msg":"bad"}]}', b'{"message":"x"}'),
    b'{"error":{"message":"Please try again in 6m3.5s","type":"requests","code":"rate_limit_exceeded","param":null}}',
    b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}',
    b'{"error":{"message":"x","code":502,"metadata":{"raw":"{\\"error\\":{\\"message\\":\\"y\\"}}","provider_name":"p"}}}',
    (
        b'[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":'
        b'"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"},{"@type":'
        b'"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"PerDay","quotaValue":"5"}]}]}}]'
    ),
    b'{"__type":"com.amazon#ThrottlingException","message":"m","originalStatusCode":429,"originalMessage":"{}"}',
]
LINES: Final = [
    *(b"/v1/chat/completions", b"/v1/messages?beta=true", b"/v1/responses?key=a", b"/", b"/v1/models"),
    *(
        b"/v1beta/models/gemini-2.5-flash:generateContent?key=AIza&alt=json",
        b"/v1/models/a%2Fb:streamGenerateContent?alt=sse",
    ),
    *(b"/v2/models/a%2Fb/versions/1/infer", b"/v2/models/m/ready", b"/v2/health/live", b"/v2/models/m?x=y"),
]
TENSORS: Final = [
    b'{"id":"7","parameters":{"a":1},"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,[2.5]]}],"outputs":[]}',
    b'{"inputs":[{"data":[NaN,-Infinity]}],"id":"\\u00e4"}',
]
TENSORS_ANSWERED: Final = [
    b'{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[1]}]}',
    b'{"model_name":"m","outputs":[{"data":[NaN]}]}',
    b'{"name":"m","versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1]}],"outputs":[]}',
]


@cache
def of(dialect: str, kind: Kind) -> list[bytes]:
    """Inputs of one dialect and kind."""
    if dialect == "gemini-array":
        dialect = "gemini"
    if dialect == "bedrock":
        return _bedrock(kind)
    built = [one.encode() if isinstance(one, str) else json.dumps(one).encode() for one in _BUILT[dialect, kind]]
    if not FOLDER.is_dir():
        return built
    for endpoint in ENDPOINTS[dialect]:
        if (FOLDER / f"{endpoint}.jsonl").is_file():
            found = [one.body for one in recorded(endpoint) if one.kind == kind and len(one.body) <= MAX_SEED_BYTES]
            built += sorted(found, key=len)[:: max(1, len(found) // MAX_EACH)]
    return built


def _bedrock(kind: Kind) -> list[bytes]:
    """Nobody recorded it: what others said, translated."""
    codec, source = ALL["bedrock"], ALL["anthropic"]
    found: list[bytes] = []
    ask = source.read_ask(of("anthropic", "ask")[0])
    for data in of("anthropic", kind):
        try:
            if kind == "ask":
                found.append(codec.write_ask(source.read_ask(data), Lost(), Manner()))
            elif kind == "answer":
                found.append(codec.write_answer(source.read_answer(data), Lost()))
            else:
                writer, reader = codec.event_writer(ask), source.event_reader()
                found.append(writer.write(reader.feed(Splitter().feed(data))))
        except (Error, AttemptFailed):
            continue
    return [one for one in found if one]
