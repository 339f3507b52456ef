"""The bytes both ends of a measurement agree on: the requests, the whole answer, the events of a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

KEY = "sk-bench-0123456789abcdef0123456789abcdef"
MODEL = "bench-chat"
EVENTS = b"bench-events="  # what stands before the number of events in a request for a stream
PATH = "/v1/chat/completions"

_QUESTION = [
    {"role": "system", "content": "You are the help desk of a small online shop. Answer in one short sentence."},
    {"role": "user", "content": "Hello! When will my order 4711 arrive, and may I still change the address?"},
]

ANSWER = json.dumps(
    {
        "id": "chatcmpl-bench000000000000001",
        "object": "chat.completion",
        "created": 1760000000,
        "model": "m-a",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "It arrives tomorrow; yes, you may."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 44, "completion_tokens": 10, "total_tokens": 54},
    },
    separators=(",", ":"),
).encode()

# Fixed widths: the client finds the mark and cuts by position, whatever a proxy did to the bytes around it.
MARK = b'"content":" t='
_HEAD = (
    b'data: {"id":"chatcmpl-bench000000000000001","object":"chat.completion.chunk","created":1760000000,'
    b'"model":"m-a","choices":[{"index":0,"delta":{'
)
_TAIL = b'},"finish_reason":null}]}\n\n'
FIRST_EVENT = _HEAD + b'"role":"assistant","content":""' + _TAIL
LAST_EVENTS = (
    _HEAD
    + b'},"finish_reason":"stop"}]}\n\n'
    + b'data: {"id":"chatcmpl-bench000000000000001","object":"chat.completion.chunk","created":1760000000,'
    + b'"model":"m-a","choices":[],"usage":{"prompt_tokens":44,"completion_tokens":10,"total_tokens":54}}\n\n'
    + b"data: [DONE]\n\n"
)
_CONTENT_BYTES = len(MARK) + 16 + 3 + 6 + 1
EVENT_BYTES = len(_HEAD) + _CONTENT_BYTES + len(_TAIL)


class Stamp(NamedTuple):
    """What an event says of itself: when it was sent (microseconds, monotonic) and its number in its stream, from 0."""

    sent_us: int
    number: int


def event(sent_us: int, number: int) -> bytes:
    """One event of a stream, always EVENT_BYTES long."""
    return b'%b"content":" t=%016d n=%06d"%b' % (_HEAD, sent_us, number, _TAIL)


def stamp(data: bytes, at: int) -> Stamp:
    """The stamp of the event whose MARK begins at an offset."""
    start = at + len(MARK)
    return Stamp(int(data[start : start + 16]), int(data[start + 19 : start + 25]))


def chunk(data: bytes) -> bytes:
    """Data as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chat_body() -> bytes:
    """A chat request as the official SDK sends it."""
    return _body({"model": MODEL, "messages": _QUESTION, "temperature": 0.7, "max_tokens": 64})


def stream_body(events: int) -> bytes:
    """A request for a stream of that many events. The number stands in the message: that no proxy rewrites."""
    asked = {"max_tokens": events, "stream": True, "stream_options": {"include_usage": True}}
    question = [_QUESTION[0], {"role": "user", "content": f"{_QUESTION[1]['content']} {EVENTS.decode()}{events}"}]
    return _body({"model": MODEL, "messages": question, **asked})


def post(body: bytes) -> bytes:
    """A whole HTTP/1.1 request with that body and the key."""
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\nAccept: application/json\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    ) % (PATH.encode(), KEY.encode(), len(body), body)


def fill(template: Path, **values: object) -> str:
    """A configuration file with each ``@name@`` replaced. Raises ValueError if one is unknown or left over."""
    text = template.read_text()
    for name, value in values.items():
        if f"@{name}@" not in text:
            raise ValueError(f"{template.name} has no @{name}@")
        text = text.replace(f"@{name}@", str(value))
    if "@" in text:
        raise ValueError(f"{template.name} has an @ that nothing was put in for: {text[text.index('@') :][:40]!r}")
    return text


def _body(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
