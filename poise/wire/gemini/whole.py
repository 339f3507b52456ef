"""A whole answer of generateContent, both ways."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Failure
from poise.wire.conversation.answer import Answer, Choice, Ending
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Rest, Text, ToolCall
from poise.wire.gemini import citations, failure, usage
from poise.wire.gemini.ask_read import NAME
from poise.wire.gemini.endings import ending_of, loses, word_for, word_of
from poise.wire.gemini.forms import Obj, decode, encode, lay, same
from poise.wire.gemini.parts_read import answered_part
from poise.wire.gemini.parts_write import HARMLESS, PartWriter

# Endings of which a finishMessage says more than the word.
_TROUBLE: Final = frozenset({Ending.CONTENT_FILTER, Ending.MALFORMED_CALL, Ending.ERROR})
_BLOCKED: Final = "@blocked"  # the choice stands for candidates that were never made


def read(body: bytes) -> Answer:
    """Decode a whole answer. Raises AttemptFailed: MALFORMED, or what an error inside a 200 says."""
    try:
        raw: Json = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"the answer is not JSON: {str(bad)[:200]}", status=200) from bad
    if isinstance(raw, list) and len(raw) == 1:
        raw = raw[0]  # how a stream that is no SSE says an error
    if not isinstance(raw, dict):
        raise AttemptFailed(Failure.MALFORMED, f"the answer is no object: {body[:60]!r}", status=200)
    if "error" in raw and "candidates" not in raw:
        raise failure.read(200, {}, body)
    try:
        return _answer(raw)
    except RecursionError as bad:
        raise AttemptFailed(Failure.MALFORMED, "the answer is nested too deep", status=200) from bad


def _answer(raw: Obj) -> Answer:
    rest: Rest = {}
    fields = dict(raw)
    answer = Answer(spoken=NAME, choices=[], rest=rest)
    for name in ("responseId", "modelVersion"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            setattr(answer, "id" if name == "responseId" else "model", value)
            del fields[name]
    answer.usage = usage.read(fields.get("usageMetadata"))
    if answer.usage is not None:
        del fields["usageMetadata"]
    answer.created = seconds_of(fields.get("createTime"))
    _quiet(fields, rest, "createTime")
    candidates = fields.get("candidates")
    feedback = fields.get("promptFeedback")
    if candidates:
        if not isinstance(candidates, list) or not all(isinstance(one, dict) for one in candidates):
            raise AttemptFailed(Failure.MALFORMED, "candidates is no list of objects", status=200)
        del fields["candidates"]
        answer.choices = [_choice(one) for one in candidates if isinstance(one, dict)]
    elif isinstance(feedback, dict) and feedback.get("blockReason"):
        said = str(feedback["blockReason"])
        answer.choices = [Choice(parts=[], ending=Ending.CONTENT_FILTER, said=said, rest={_BLOCKED: None})]
    elif candidates is None and answer.usage is None and feedback is None:
        raise AttemptFailed(Failure.MALFORMED, "the answer has neither candidates nor usageMetadata", status=200)
    if fields:
        rest.update(fields)
    return answer


def _choice(raw: Obj) -> Choice:
    fields = dict(raw)
    rest: Rest = {}
    choice = Choice(parts=[], rest=rest)
    content = fields.get("content")
    if isinstance(content, dict):
        del fields["content"]
        inner = dict(content)
        parts = inner.get("parts")
        if isinstance(parts, list) and parts:
            if not all(isinstance(part, dict) for part in parts):
                raise AttemptFailed(Failure.MALFORMED, "parts is no list of objects", status=200)
            del inner["parts"]
            choice.parts = [answered_part(part) for part in parts if isinstance(part, dict)]
        if inner != {"role": "model"} or not choice.parts:
            rest[FORMAL] = {"content": inner}
    word = word_of(fields.get("finishReason"))
    if word:
        if fields.pop("finishReason") != word:
            same(rest, "finishReason", raw["finishReason"])
        choice.said = word
    calls = any(isinstance(part, ToolCall) for part in choice.parts)
    choice.ending = ending_of(word, calls=calls, parts=bool(choice.parts))
    if "citationMetadata" in fields or "groundingMetadata" in fields:
        citations.attach(choice.parts, citations.read(fields))
    _quiet(fields, rest, "index", "avgLogprobs", *(() if choice.ending in _TROUBLE else ("finishMessage",)))
    rest.update(fields)
    return choice


def _quiet(fields: Obj, rest: Rest, *names: str) -> None:
    """Keep, as formalities, what is said elsewhere or was measured unasked."""
    for name in names:
        if name in fields:
            same(rest, name, fields.pop(name))


def write(answer: Answer, lost: Lost) -> bytes:
    """The body of a whole answer that says the same."""
    own = answer.spoken == NAME
    root: Obj = {}
    writer = PartWriter(lost, own=own)
    blocked = own and any(_BLOCKED in choice.rest for choice in answer.choices)
    if answer.choices and not blocked:
        root["candidates"] = [
            _write_own(choice, writer) if own else _write_choice(number, choice, writer)
            for number, choice in enumerate(answer.choices)
        ]
    if answer.id:
        root["responseId"] = answer.id
    if answer.model:
        root["modelVersion"] = answer.model
    if answer.usage is not None:
        said = usage.said_of(answer.usage) if own else None
        root["usageMetadata"] = said or usage.write(answer.usage, lost)
    if own:
        lay(root, answer.rest)
    else:
        lost.rest("", answer.rest, HARMLESS)
    return encode(root)


def _write_own(choice: Choice, writer: PartWriter) -> Json:
    out: Obj = {}
    parts = _parts(choice, writer, "content")
    formal = choice.rest.get(FORMAL)
    inner = formal.get("content") if isinstance(formal, dict) else None
    if isinstance(inner, dict):
        out["content"] = {"parts": parts, **inner} if parts else inner
    elif parts:
        out["content"] = {"parts": parts, "role": "model"}
    word = choice.said or word_for(choice.ending)
    if word:
        out["finishReason"] = word
    if "groundingMetadata" not in choice.rest and "citationMetadata" not in choice.rest:
        _ground(choice, out, writer.lost, "content")
    return lay(out, choice.rest)


def _write_choice(number: int, choice: Choice, writer: PartWriter) -> Json:
    lost = writer.lost
    where = f"choices[{number}]"
    lost.rest(where, choice.rest, HARMLESS)
    if loses(choice.ending):
        lost.add(f"{where}.ending", f"{choice.ending.value} is said as {word_for(choice.ending)}")
    parts = _parts(choice, writer, where)
    out: Obj = {"content": {"parts": parts, "role": "model"}, "index": number}
    word = word_for(choice.ending)
    if word:
        out["finishReason"] = word
    _ground(choice, out, lost, where)
    return out


def _parts(choice: Choice, writer: PartWriter, where: str) -> list[Json]:
    written = (writer.write(part, f"{where}.parts[{n}]") for n, part in enumerate(choice.parts))
    return [part for part in written if part is not None]


def _ground(choice: Choice, out: Obj, lost: Lost, where: str) -> None:
    """The sources of the first text that has any; those that are no page have no place here."""
    for number, part in enumerate(choice.parts):
        if not isinstance(part, Text) or not part.citations:
            continue
        pages = [citation for citation in part.citations if citation.url]
        if len(pages) < len(part.citations):
            lost.add(f"{where}.parts[{number}].citations", "a source without an address has no place there")
        if pages and "groundingMetadata" not in out:
            out["groundingMetadata"] = citations.write(pages, part.text)
        elif pages:
            lost.add(f"{where}.parts[{number}].citations", "only the first text's sources are said there")


_DAYS_BEFORE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def seconds_of(said: Json) -> int:
    """Seconds since 1970 of ``2026-05-04T20:01:02.26Z``, 0 where it is none."""
    if not isinstance(said, str) or len(said) < len("2026-05-04T20:01:02") or not said.isascii():
        return 0
    try:
        year, month, day = int(said[0:4]), int(said[5:7]), int(said[8:10])
        clock = int(said[11:13]) * 3600 + int(said[14:16]) * 60 + int(said[17:19])
    except ValueError:
        return 0
    if year < 1970 or not 1 <= month <= 12:
        return 0
    leaps = (year - (month < 3)) // 4 - (year - (month < 3)) // 100 + (year - (month < 3)) // 400 - 477
    days = (year - 1970) * 365 + leaps + _DAYS_BEFORE[month - 1] + day - 1
    return days * 86400 + clock
