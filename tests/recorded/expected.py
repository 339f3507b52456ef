"""What a client must be told for a recorded answer, and what the record must say; known without asking Poise.

What an error means is what people said who looked at it (``tests.wire.failures_reviewed``); what a caller sees of it is
the table below, from docs/errors.md.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from poise.errors import Failure
from tests.recorded.exchanges import Exchange
from tests.recorded.reading import Frame, Json, breaks_at, counted, ends, frames_of
from tests.wire.failures_reviewed import REVIEWED, Row

# Our failure, and what a caller is told: code and status, 0 for the vendor's own where that is 4xx, else 400.
TOLD: Final[dict[Failure, tuple[str, int]]] = {
    Failure.RATE: ("upstream_rate_limited", 429),
    Failure.QUOTA: ("upstream_quota", 429),
    Failure.SPEND_CAP: ("upstream_quota", 429),
    Failure.OVERLOAD: ("upstream_overloaded", 503),
    Failure.AUTH: ("upstream_failed", 502),
    Failure.PERMISSION: ("upstream_failed", 502),
    Failure.NOT_FOUND: ("upstream_failed", 502),
    Failure.CONTEXT_LENGTH: ("upstream_rejected", 0),
    Failure.CONTENT_FILTER: ("upstream_rejected", 0),
    Failure.BAD_REQUEST: ("upstream_rejected", 0),
    Failure.TOO_LARGE: ("upstream_rejected", 0),
    Failure.TIMEOUT: ("upstream_timeout", 504),
    Failure.MALFORMED: ("upstream_failed", 502),
    Failure.CUT: ("upstream_failed", 502),
    Failure.SERVER: ("upstream_failed", 502),
}


# Before the rows that hold for every answer with a status: errors inside a success, and what is finer than a status.
OWN: Final = (
    Row("anthropic", 200, "overloaded_error", Failure.OVERLOAD),
    Row("vertex", 200, '"status": "cancelled"', Failure.SERVER),  # of a call that we have not cancelled
    Row("vertex", 429, '"quota_limit_value": "0"', Failure.QUOTA),  # a minute's allowance of nothing: no waiting helps
)
MOST_UNREAD: Final = 3  # events of a stream that are no JSON and are left out; a stream of more is none


class Expected(NamedTuple):
    """kind is whole, stream, refused (by status) or broken (an error inside a success, or an answer without an end).

    frames are the events that reach the client before it ends or breaks; names the differences that are meant; usage is
    what was counted, None where nobody did.
    """

    kind: str
    frames: list[Frame]
    names: list[str]
    failure: Failure | None
    usage: tuple[int, int] | None


def expected(exchange: Exchange) -> Expected:
    """What is to come of an exchange. Raises LookupError where nobody has looked at its error."""
    if exchange.status >= 400:
        return Expected("refused", [], [], _reviewed(exchange, exchange.answer), None)
    if not exchange.stream:
        try:
            node = json.loads(exchange.answer)
        except json.JSONDecodeError:
            return Expected("broken", [], [], Failure.MALFORMED, None)
        error = node.get("error") if isinstance(node, dict) else None
        if error and exchange.place.chat != "responses":
            return Expected("broken", [], [], _reviewed(exchange, exchange.answer), None)
        return Expected("whole", [], [], None, counted(exchange.place.dialect, [node]))
    return _stream(exchange)


def _stream(exchange: Exchange) -> Expected:
    chat = exchange.place.chat
    text = exchange.answer.decode()
    frames, framed = frames_of(text), text.endswith(("\n\n", "\r\n\r\n"))
    unread = [place for place, frame in enumerate(frames) if frame.text.startswith("data: {") and frame.data is None]
    if chat != "openai" and unread:
        if not framed or len(unread) > MOST_UNREAD:
            return Expected("broken", frames[: unread[0]], [], Failure.MALFORMED if framed else Failure.CUT, None)
        frames = [frame for place, frame in enumerate(frames) if place not in unread]
    broken = breaks_at(chat, frames)
    usage = counted(chat, [frame.node for frame in frames[: broken if broken >= 0 else None]])
    if broken >= 0:
        means = _reviewed(exchange, frames[broken].text.encode())
        return Expected("broken", frames[:broken], [], means, usage)
    kept, names = _unasked(exchange, frames)
    if not ends(chat, frames):
        return Expected("broken", kept, names, Failure.CUT, usage)
    return Expected("stream", kept, names, None, usage)


def _unasked(exchange: Exchange, frames: list[Frame]) -> tuple[list[Frame], list[str]]:
    """Chat's usage where the caller did not ask for it: its own chunk is taken out, and ``null`` on others."""
    if exchange.place.chat != "openai" or "usage-asked" not in exchange.arrives()[1]:
        return frames, []
    kept, names = [], []
    for frame in frames:
        node = frame.node
        if node.get("usage") and not node.get("choices"):
            names.append("usage-chunk-removed")
        elif "usage" in node and node["usage"] is None:
            names.append("usage-null-removed")
            kept.append(Frame("", {name: value for name, value in node.items() if name != "usage"}))
        else:
            kept.append(frame)
    return kept, list(dict.fromkeys(names))


def _reviewed(exchange: Exchange, raw: bytes) -> Failure:
    """What was said of this error by people. Raises LookupError."""
    vendor, text = exchange.place.endpoint.partition(".")[0], raw.decode().lower()
    for row in (*OWN, *REVIEWED):
        if row.vendor in {"", vendor} and row.status == exchange.status and row.words in text:
            return row.means
    raise LookupError(f"{exchange.id}: nobody has looked at this error: {exchange.status} {text[:300]}")


def told(failure: Failure, status: int) -> tuple[str, int]:
    """Code and status that the caller of a refused call gets."""
    code, own = TOLD[failure]
    return code, own or (status if 400 <= status < 500 else 400)


def error_in(chat: str, answer: Json) -> tuple[int, str]:
    """Status (0 where the shape has none) and words of an error in a dialect's own shape. Raises KeyError where it is not."""
    error = answer["error"]
    if chat == "anthropic":
        if answer["type"] != "error":
            raise KeyError("type")
        return 0, f"{error['type']}: {error['message']}"
    if chat == "gemini":
        return error["code"], f"{error['status']}: {error['message']}"
    return 0, f"{error['type']} {error['code']}: {error['message']}"
