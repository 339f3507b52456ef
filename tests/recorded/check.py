"""One played exchange against what is expected of it: every difference in words, none where all is well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from poise.decision import Outcome, OutcomeKind, show_id
from poise.errors import Failure
from tests.attack.upstream import Seen
from tests.attack.wire import Answer
from tests.recorded.exchanges import Exchange
from tests.recorded.expected import Expected, error_in, told
from tests.recorded.gateway import Gateway
from tests.recorded.reading import Frame, ends, frames_of

ENDS: Final = {"whole": OutcomeKind.COMPLETED, "stream": OutcomeKind.COMPLETED, "refused": OutcomeKind.FAILED}
METHODS: Final = {"gemini": "enerateContent", "gemini-count": "countTokens", "gemini-embeds": "batchEmbedContents"}


async def wrongs(gateway: Gateway, exchange: Exchange, number: int, wanted: Expected) -> list[str]:
    """Play an exchange by its workflow ``w<number>`` and say what is not as it should be."""
    name = f"w{number}"
    request = json.dumps(exchange.sent(name), ensure_ascii=False).encode(errors="surrogatepass")
    answer, seen, decisions = await gateway.play(exchange, request, exchange.path(name))
    outcomes = [gateway.records.outcomes[id] for id in decisions]
    if len(decisions) != 1 or len(outcomes) != 1:
        return [f"{len(decisions)} decisions, {len(outcomes)} outcomes: {answer.status} {answer.body[:300]!r}"]
    told_id = answer.headers.get(b"x-poise-decision", b"").decode()
    named = [] if told_id == show_id(decisions[0]) else [f"the client was told of decision {told_id!r}"]
    return [
        *named,
        *asked(exchange, seen),
        *answered(exchange, answer, wanted),
        *recorded(exchange, answer, outcomes[0], wanted),
    ]


def asked(exchange: Exchange, seen: list[Seen]) -> Iterator[str]:
    """What the vendor was sent is what was recorded, but for what has a name."""
    if len(seen) != 1:
        yield f"the vendor was called {len(seen)} times"
        return
    path = seen[0].line.split(b" ")[1].decode()
    if exchange.in_path and (f"/models/{exchange.model}:" not in path or METHODS[exchange.place.dialect] not in path):
        yield f"sent to {path}"
    if exchange.in_path and exchange.stream != path.endswith(":streamGenerateContent?alt=sse"):
        yield f"sent to {path}"
    if exchange.arrives()[0] != json.loads(seen[0].body):
        yield f"sent {seen[0].body[:500]!r}"


def answered(exchange: Exchange, answer: Answer, wanted: Expected) -> Iterator[str]:
    if wanted.kind == "whole":
        if (exchange.status, exchange.answer) != (answer.status, answer.body):
            yield f"whole answer: {answer.status} {answer.body[:300]!r}"
        if exchange.headers["content-type"].encode() != answer.headers.get(b"content-type"):
            yield f"content type {answer.headers.get(b'content-type')!r}"
    elif wanted.kind == "stream":
        yield from _streamed(exchange, answer, wanted)
    elif answer.status == 200:
        yield from _broken(exchange, answer, wanted)
    else:
        yield from _refused(exchange, answer, wanted)


def _streamed(exchange: Exchange, answer: Answer, wanted: Expected) -> Iterator[str]:
    if answer.status != 200:
        yield f"stream: {answer.status} {answer.body[:300]!r}"
        return
    if exchange.array:
        nodes = [frame.data for frame in wanted.frames]
        if (b"application/json", nodes) != (answer.headers.get(b"content-type"), json.loads(answer.body)):
            yield f"array: {answer.body[:500]!r}"
        return
    if exchange.headers["content-type"].encode() != answer.headers.get(b"content-type"):
        yield f"content type {answer.headers.get(b'content-type')!r}"
    if not wanted.names and exchange.answer != answer.body:
        yield f"bytes differ: {answer.body[-300:]!r}"
    yield from _events(wanted.frames, frames_of(answer.body.decode()))


def _events(wanted: list[Frame], came: list[Frame]) -> Iterator[str]:
    """Each event as it was, where nothing was taken out of it byte for byte."""
    if len(wanted) != len(came):
        yield f"{len(came)} events, not {len(wanted)}"
    for place, (one, other) in enumerate(zip(wanted, came, strict=False)):
        if one.data != other.data if not one.text else one.text != other.text:
            yield f"event {place}: {other.text[:300]!r}, not {one.text[:300]!r}"
            return


def _broken(exchange: Exchange, answer: Answer, wanted: Expected) -> Iterator[str]:
    """After its first words: what came, an error in the dialect's own way, and no word of an end."""
    came = frames_of(answer.body.decode())
    *before, last = came
    yield from _events(wanted.frames[: len(before)], before)
    try:
        _, words = error_in(exchange.place.chat, last.node)
    except KeyError:
        words = ""
    if "stream_broken" not in last.text.lower() or not words:
        yield f"the last event is no error: {last.text[:300]!r}"
    if ends(exchange.place.chat, came) and not ends(exchange.place.chat, wanted.frames):
        yield "a broken answer says that it is complete"


def _refused(exchange: Exchange, answer: Answer, wanted: Expected) -> Iterator[str]:
    assert wanted.failure is not None
    code, status = told(wanted.failure, exchange.status)
    if status != answer.status:
        yield f"refused with {answer.status}, not {status}: {answer.body[:300]!r}"
    try:
        said, words = error_in(exchange.place.chat, json.loads(answer.body))
    except (KeyError, TypeError, json.JSONDecodeError):
        yield f"no error of this dialect: {answer.body[:300]!r}"
        return
    if said not in (0, status):
        yield f"the body says status {said}"
    if code not in answer.body.decode():
        yield f"the body does not say {code}: {words[:300]}"


def recorded(exchange: Exchange, answer: Answer, outcome: Outcome, wanted: Expected) -> Iterator[str]:
    """One attempt, how it ended, why it failed, what it counted. A vendor that gave up waiting may bill what it made."""
    may_bill = wanted.failure is Failure.TIMEOUT
    attempt = outcome.attempts[-1]
    kind = ENDS.get(wanted.kind) or (OutcomeKind.TRUNCATED if answer.status == 200 else OutcomeKind.FAILED)
    if (kind, answer.status, 1) != (outcome.kind, outcome.status, len(outcome.attempts)):
        yield f"recorded as {outcome.kind} {outcome.status} after {len(outcome.attempts)} attempts"
    if (wanted.failure or "") != attempt.failure:
        yield f"recorded as {attempt.failure!r}, not {wanted.failure}: {attempt.detail}"
    if exchange.status != attempt.status:
        yield f"recorded with the vendor's status {attempt.status}"
    if wanted.kind == "refused" and (0, 0) != (attempt.input_tokens, attempt.output_tokens) and not may_bill:
        yield "a refused call was charged"
    if wanted.usage is not None and wanted.usage != (attempt.input_tokens, attempt.output_tokens):
        yield f"counted {(attempt.input_tokens, attempt.output_tokens)}, not {wanted.usage}"
    billing = "exact" if wanted.usage is not None or (wanted.kind == "refused" and not may_bill) else "estimated"
    if billing != attempt.billing and wanted.kind in ("whole", "stream", "refused"):
        yield f"billing is {attempt.billing}"
