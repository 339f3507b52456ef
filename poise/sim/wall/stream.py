"""Streams: events in their order and pace, framed in chunks, and every way in which a stream goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poise.sim.wall import bomb, frame
from poise.sim.wall.fault import End, Fault
from poise.sim.wall.move import Move
from poise.sim.wall.speech import Answer, Asked, Event, Speech, Usage, usage_of

_COMMENTS: Final = b": still here\n" * 1000
_OPENINGS: Final = {
    "openai": b'data: {"id":"chatcmpl-x","choices":[{"index":0,"delta":{"content":"',
    "responses": b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"',
    "anthropic": b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"',
    "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"',
}


def stream(fault: Fault, asked: Asked, answer: Answer, speech: Speech) -> Iterator[Move]:
    """All moves of a streamed answer."""
    kind = fault.content_type or (frame.JSON if asked.array else frame.SSE)
    lines = frame.lines_of(fault, asked.now_s)
    if fault.do == "length":
        yield from _with_length(fault, kind, lines, _events(fault, asked, answer, speech), asked)
        return
    head = frame.head(200, kind, lines + b"transfer-encoding: chunked\r\n")
    if fault.do == "empty":
        yield Move(0.0, head + frame.LAST_CHUNK, end="done")
        return
    if fault.do == "error" and fault.at <= 0:
        error = speech.error_event(fault.status if fault.status != 200 else 500, fault.reason, fault.text)
        yield Move(0.0, head + frame.chunk(_rendered(error, "", asked, 0)))
        yield _last(fault)
        return
    yield from _played(fault, asked, _events(fault, asked, answer, speech), head, speech)


def _played(
    fault: Fault, asked: Asked, events: list[tuple[Event, int, Usage]], head: bytes, speech: Speech
) -> Iterator[Move]:
    said = 0
    breaks_at = fault.at if fault.do in ("cut", "stall", "error", "giant", "chunk", "half-json") else -1
    if fault.do in ("giant", "chunk", "half-json"):
        breaks_at = max(breaks_at, 1)
    owed = head + (b"" if fault.style != "bom" else frame.chunk(b"\xef\xbb\xbf"))
    array = asked.array
    number = 0
    for event, tokens, told in events:
        wait_s = _gap_s(fault, said) if event.part == "token" else 0.0
        ending = event.part in ("finish", "usage", "done")
        if (said >= breaks_at >= 0 and event.part == "token") or (
            breaks_at >= 0 and said and ending and fault.style != "end"
        ):
            if owed:
                yield Move(0.0, owed)
                owed = b""
            if fault.do != "stall" or not fault.stall_s:
                yield from _broken(fault, asked, event, speech, wait_s, number)
                return
            wait_s, breaks_at = wait_s + fault.stall_s, -1
        data = _styled(fault.style, event, asked, number)
        number += 1
        if event.part == "open":
            owed += frame.chunk(data)
            continue
        if owed and wait_s:
            yield Move(0.0, owed)  # what opens the stream goes out at once; only the token is waited for
            owed = b""
        said += tokens
        yield Move(wait_s, owed + frame.chunk(data), tokens, told=told)
        owed = b""
    if array:
        yield Move(0.0, frame.chunk(b"]"))
    yield _last(fault)


def _last(fault: Fault) -> Move:
    """How a stream ends that has said everything."""
    if fault.do == "linger":
        return Move(fault.stall_s, frame.LAST_CHUNK, end="done") if fault.stall_s else Move(end="never")
    if fault.at_byte < 0 and (fault.do == "cut" or fault.end in ("rst", "fin", "bare", "half")):
        return Move(end=fault.end or "fin")
    return Move(0.0, frame.LAST_CHUNK, end="done")


def _gap_s(fault: Fault, said: int) -> float:
    if not said:
        return fault.first_s
    return 1 / fault.rate if fault.rate else 0.0


def _broken(fault: Fault, asked: Asked, event: Event, speech: Speech, wait_s: float, number: int) -> Iterator[Move]:
    """Where the stream breaks: what is sent instead of the next token, and how it ends."""
    if fault.do == "error":
        error = speech.error_event(fault.status if fault.status != 200 else 500, fault.reason, fault.text)
        yield Move(wait_s, frame.chunk(_rendered(error, "", asked, number)))
        yield _last(fault)
    elif fault.do == "giant":
        yield from (Move(0.0, block) for block in bomb.giant_event(fault.size, _OPENINGS[asked.dialect]))
        yield Move(end=fault.end or "never")
    elif fault.do == "half-json":
        half = Event(event.data[: len(event.data) // 2], event.part, event.name)
        yield Move(wait_s, frame.chunk(_rendered(half, "", asked, number)) + frame.LAST_CHUNK, end="done")
    elif fault.do == "chunk":
        data = _rendered(event, "", asked, number)
        bad = b"zz\r\n" + data if fault.style == "bad" else frame.chunk(data)[: -len(data) // 2]
        yield Move(wait_s, bad, end=fault.end or "fin")
    else:
        end: End = fault.end or ("never" if fault.do == "stall" else "fin")
        yield Move(wait_s, end=end)


def _with_length(
    fault: Fault, kind: str, lines: bytes, events: list[tuple[Event, int, Usage]], asked: Asked
) -> Iterator[Move]:
    """A stream framed by a length that is wrong."""
    data = b"".join(_rendered(event, "", asked, at) for at, (event, _, _) in enumerate(events))
    said = sum(tokens for _, tokens, _ in events)
    told = next((told for _, _, told in reversed(events) if told is not None), None)
    head = frame.head(200, kind, lines + frame.length(len(data) + fault.size))
    yield Move(0.0, head + data, said, end=fault.end or ("fin" if fault.size > 0 else "done"), told=told)


def _events(fault: Fault, asked: Asked, answer: Answer, speech: Speech) -> list[tuple[Event, int, Usage]]:
    """Events with the tokens they carry and the counts they tell, in the order in which they are sent."""
    told = usage_of(answer, fault.usage)
    if not fault.usage and not _wants_usage(asked):
        told = None
    inline = fault.usage == "inline" and asked.dialect == "openai"  # in the others they always stand in such an event
    late = fault.usage == "after-done" or inline
    made = speech.events(answer, None if late else told)
    carriers = sum(event.part == "token" for event in made)
    each = len(answer.pieces) // carriers if carriers else 0
    rows: list[tuple[Event, int, Usage]] = []
    for event in made:
        tells = told if event.part == "usage" and not late else None
        row = (event, each if event.part == "token" else 0, tells)
        if event.part == "done" and not fault.done:
            continue
        rows += [row] * (3 if fault.usage == "repeat" and event.part == "usage" else 1)
    if fault.usage == "after-done":
        rows.append((_telling(speech.events(answer, told)), 0, told))
    elif inline:
        at = next(at for at, row in enumerate(rows) if row[0].part == "finish")
        telling = _telling(speech.events(answer, told))
        rows[at] = (
            Event(rows[at][0].data[:-1] + b"," + telling.data[telling.data.find(b'"usage":') :], "finish"),
            0,
            told,
        )
    return rows


def _wants_usage(asked: Asked) -> bool:
    """OpenAI tells a stream's counts to those who ask; the others always do."""
    options = asked.body.get("stream_options")
    return asked.dialect != "openai" or (isinstance(options, dict) and options.get("include_usage") is True)


def _telling(events: list[Event]) -> Event:
    """The event that tells the counts."""
    return next(event for event in reversed(events) if event.part == "usage")


# -- lines ----------------------------------------------------------------------------------------------------------------


def _styled(style: str, event: Event, asked: Asked, number: int) -> bytes:
    """An event as lines, and what an odd server puts beside it (once, before the third event)."""
    data = _rendered(event, style, asked, number)
    if number != 2:
        return data
    return _BESIDE.get(style, b"") + data


def _rendered(event: Event, style: str, asked: Asked, number: int) -> bytes:
    if asked.array:
        return (b"[" if number == 0 else b",\r\n") + event.data
    body = event.data
    space = b"" if style == "no-space" else b" "
    if style == "multi-line" and body.startswith(b"{"):
        body = b"{\ndata: " + body[1:]
    lines = b"event: %b\n" % event.name.encode() if event.name else b""
    if style == "ids":
        lines = b"id: %d\nretry: 3000\n%b" % (number, lines)
    text = lines + b"data:" + space + body + b"\n\n"
    if style == "mixed":
        return text.replace(b"\n", (b"\r\n", b"\n", b"\r")[number % 3])
    if style in ("crlf", "cr"):
        return text.replace(b"\n", b"\r\n" if style == "crlf" else b"\r")
    return text


_BESIDE: Final = {
    "bad-line": b"this line has no field\n\n",
    "bad-json": b'data: {"choices": [{"del\n\n',
    "bad-utf8": b'data: {"choices":[],"note":"\xff\xfe"}\n\n',
    "comments": _COMMENTS + b"\n",
}
