"""A fault and a request turned into moves. Pure: no socket, no clock, no dice; the last move ends the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poise.sim.wall import bomb, frame
from poise.sim.wall.fault import Fault
from poise.sim.wall.move import Move, cut_bytes, sliced, split
from poise.sim.wall.say_anthropic import ANTHROPIC
from poise.sim.wall.say_chat import CHAT
from poise.sim.wall.say_gemini import GEMINI
from poise.sim.wall.say_responses import RESPONSES
from poise.sim.wall.speech import Answer, Asked, Speech, answer_to, encode, usage_of
from poise.sim.wall.stream import stream

SPEECHES: Final[dict[str, Speech]] = {
    "openai": CHAT,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
}
_PAGE: Final = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_BY_STATUS: Final = {400: "bad", 401: "auth", 403: "permission", 404: "not-found", 413: "too-large", 429: "rate",
                     503: "overload", 529: "overload"}  # fmt: skip


def moves(fault: Fault, asked: Asked) -> Iterator[Move]:
    """Everything that follows a request."""
    made = _moves(fault, asked)
    if fault.at_byte >= 0:
        made = _cut_at_byte(fault, made)
    if fault.split:
        made = split(made, fault.split)
    if fault.slice_bytes:
        made = sliced(made, fault.slice_bytes)
    if fault.do == "drip":
        made = _dripped(made, fault.stall_s)
    waited = fault.wait_s
    for move in made:
        yield move._replace(wait_s=move.wait_s + waited) if waited else move
        waited = 0.0


def tokens_of(fault: Fault, asked: Asked) -> int:
    """How many tokens the answer has, should it be made to its end."""
    return len(_answer(fault, asked).pieces)


def _moves(fault: Fault, asked: Asked) -> Iterator[Move]:
    if fault.do == "silent":
        yield Move(end="never")
    elif fault.do in ("reset", "crash"):
        yield Move(end="rst")
    elif fault.do == "hang-up":
        yield Move(end="fin")
    elif fault.do == "raw":
        yield Move(0.0, fault.text.encode("latin-1", "replace"), end=fault.end or "fin")
    elif fault.do in _INSTEAD:
        yield from _INSTEAD[fault.do](fault, asked)
    elif fault.do in _HEADS:
        yield from _odd_head(fault, asked)
    elif asked.stream:
        yield from stream(fault, asked, _answer(fault, asked), SPEECHES[asked.dialect])
    else:
        yield from _whole(fault, asked, _answer(fault, asked))


def _answer(fault: Fault, asked: Asked) -> Answer:
    named = {"model": fault.model, "finish": fault.finish, "tool": fault.tool}
    return answer_to(asked, tokens=fault.tokens, vary=fault.vary, **named)


# -- whole answers ------------------------------------------------------------------------------------------------------


def _whole(fault: Fault, asked: Asked, answer: Answer) -> Iterator[Move]:
    speech = SPEECHES[asked.dialect]
    if fault.do == "error":
        yield from _error_body(fault, asked)
        return
    told = usage_of(answer, fault.usage)
    body = encode(speech.whole(answer, told))
    if fault.do == "half-json":
        body = body[: len(body) // 2]
    if fault.do == "empty":
        body = b""
    made = len(answer.pieces)
    announced = len(body) + (fault.size if fault.do == "length" else 0)
    lines = frame.lines_of(fault, asked.now_s) + frame.length(announced)
    head = frame.head(200, fault.content_type or frame.JSON, lines)
    if fault.first_s:
        yield Move(fault.first_s)
    thinks_s = made / fault.rate if fault.rate else 0.0
    if fault.do in ("cut", "stall"):
        part = len(body) if fault.style == "end" else len(body) * max(0, min(fault.at, made)) // max(1, made)
        if fault.at_byte < 0:
            yield Move(thinks_s, head + body[:part], min(max(fault.at, 0), made))
            resumed = Move(fault.stall_s, body[part:], made - min(max(fault.at, 0), made), end="done", told=told)
            yield resumed if fault.stall_s else Move(end=fault.end or "never")
            return
    ends = fault.end or ("fin" if fault.do == "length" and fault.size > 0 else "done")
    yield Move(thinks_s, head + body, made, end=ends, told=told)


def _error_body(fault: Fault, asked: Asked) -> Iterator[Move]:
    """An error that calls itself a success."""
    body = encode(SPEECHES[asked.dialect].error(fault.status if fault.status != 200 else 500, fault.reason, fault.text))
    yield _all(200, body, fault, asked)


def _status(fault: Fault, asked: Asked) -> Iterator[Move]:
    reason = fault.reason or _BY_STATUS.get(fault.status, "server")
    yield _all(fault.status, encode(SPEECHES[asked.dialect].error(fault.status, reason, fault.text)), fault, asked)


def _html(fault: Fault, asked: Asked) -> Iterator[Move]:
    yield _all(fault.status, _PAGE, fault, asked, kind="text/html; charset=utf-8")


def _redirect(fault: Fault, asked: Asked) -> Iterator[Move]:
    lines = b"location: %b\r\n" % fault.text.encode("latin-1", "replace")
    yield Move(0.0, frame.head(fault.status, "", lines + frame.length(0)), end="done")


def _gzip(fault: Fault, asked: Asked) -> Iterator[Move]:
    yield from bomb.gzip_moves(fault, fault.content_type or (frame.SSE if asked.stream else frame.JSON))


def _all(status: int, body: bytes, fault: Fault, asked: Asked, kind: str = frame.JSON) -> Move:
    lines = frame.lines_of(fault, asked.now_s) + frame.length(len(body))
    return Move(0.0, frame.head(status, fault.content_type or kind, lines) + body, end=fault.end or "done")


_INSTEAD: Final = {
    "status": _status,
    "error-body": _error_body,
    "html": _html,
    "redirect": _redirect,
    "gzip": _gzip,
}

# -- heads ----------------------------------------------------------------------------------------------------------------

_HEADS: Final = ("headers", "header-value", "dup-length", "bad-header", "interim")


def _odd_head(fault: Fault, asked: Asked) -> Iterator[Move]:
    """A good answer behind a head that is too much, or not allowed."""
    answer = _answer(fault, asked)
    told = usage_of(answer, "")
    body = encode(SPEECHES[asked.dialect].whole(answer, told))
    first, _, _ = frame.head(200, frame.JSON, b"").partition(b"\r\n\r\n")
    if fault.do == "interim":
        for _ in range(fault.size):
            yield Move(0.0, b"HTTP/1.1 103 Early Hints\r\n\r\n")
    yield Move(0.0, first + b"\r\n")
    if fault.do == "headers":
        yield from (Move(0.0, lines) for lines in bomb.header_lines(fault.size))
    elif fault.do == "header-value":
        yield from (Move(0.0, piece) for piece in bomb.header_value(fault.size))
    elif fault.do == "bad-header":
        yield Move(0.0, frame.bad_line(fault.style))
    elif fault.do == "dup-length":
        yield Move(0.0, frame.length(len(body) + 1))
    yield Move(0.0, frame.length(len(body)) + b"\r\n" + body, len(answer.pieces), end="done", told=told)


# -- bytes ----------------------------------------------------------------------------------------------------------------


def _cut_at_byte(fault: Fault, made: Iterator[Move]) -> Iterator[Move]:
    """The first move with bytes begins with the whole head, so its length is known before anything is cut."""
    first = [next(made)]
    while not first[-1].data and not first[-1].end:
        first.append(next(made))
    head_bytes = first[-1].data.find(b"\r\n\r\n") + 4

    def again() -> Iterator[Move]:
        yield from first
        yield from made

    return cut_bytes(again(), fault, head_bytes)


def _dripped(made: Iterator[Move], wait_s: float) -> Iterator[Move]:
    """The head at once, then a byte at a time."""
    begun = False
    for move in sliced(made, 1):
        yield move._replace(wait_s=move.wait_s + wait_s) if begun and move.data else move
        begun = begun or move.data == b"\n"
