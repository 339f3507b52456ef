"""A whole chat completion, read into an Answer and written from one."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.conversation.answer import Answer, Choice
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Json, Part, Refusal, Rest, Text, ToolCall
from poise.wire.openai import ending, failure, message, usage
from poise.wire.openai.ask_write import NAME, legacy
from poise.wire.openai.fields import Obj, lay, left, object_of, spelling, text_of
from poise.wire.openai.say import Way, say

INNER: Final = ("message",)
# Fields about the vendor's own house, and what is carried by other fields: no loss in another dialect.
_FORMAL: Final = frozenset(
    {
        *(
            "service_tier",
            "system_fingerprint",
            "provider",
            "request_id",
            "generationId",
            "x_groq",
            "prompt",
            "metadata",
        ),
        *("timings", "time_info", "usage_breakdown", "copilot_usage", "cost", "venice_parameters", "metrics"),
        *("citations", "search_results"),  # Perplexity: the sources that the text's citations name
        *("native_finish_reason", "finish_details", "stop_reason", "seed", "token_ids", "delta"),
        *("message.padding", "message.reasoning_encrypted", "message.role"),
    }
)
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def read(body: bytes) -> Answer:
    """Decode a 2xx answer. Raises AttemptFailed: MALFORMED where it is none, or what the error inside it means."""
    try:
        raw = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise AttemptFailed(Failure.MALFORMED, f"200 with a body that is not JSON: {broken}", status=200) from broken
    choices = raw.get("choices") if type(raw) is dict else None
    if type(choices) is not list or not choices:
        if type(raw) is dict and raw.get("error"):
            raise failure.read(200, {}, body)
        raise AttemptFailed(Failure.MALFORMED, "200 without choices", status=200)
    try:
        answer = Answer(spoken=NAME, choices=[_read_choice(one, f"choices[{n}]") for n, one in enumerate(choices)])
    except Error as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 that cannot be read: {bad.text}", status=200) from bad
    answer.id, answer.model = text_of(raw.get("id")), text_of(raw.get("model"))
    created = raw.get("created")
    answer.created = created if type(created) is int else 0
    answer.usage = usage.read(raw.get("usage"))
    _read_sources(raw, answer)
    said = {key: value for key, value in raw.items() if key != "choices"}
    answer.rest = left(said, _given(answer), formal=_FORMAL)
    return answer


def write(answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
    """The body of a whole answer to ask; what has no counterpart is noted in lost."""
    if answer.spoken == NAME:
        out = lay(_given(answer), answer.rest)
        out["choices"] = [
            lay(_say_choice(one, n, own=True, ids=CallIds(), lost=lost), one.rest, *INNER)
            for n, one in enumerate(answer.choices)
        ]
        return _encode(out)
    lost.rest("", answer.rest)
    ids, older = CallIds(count=calls_before(ask)), legacy(ask)
    out = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [
            _say_choice(one, n, own=False, ids=ids, lost=lost, older=older)
            for n, one in enumerate(answer.choices or [Choice(parts=[])])  # stock clients look at the first
        ],
    }
    if answer.usage is not None:
        lost.rest("usage", answer.usage.rest)
        out["usage"] = usage.write(answer.usage, own=False)
    return _encode(out)


def _given(answer: Answer) -> Obj:
    out: Obj = {"object": "chat.completion", "created": answer.created}
    if answer.id:
        out["id"] = answer.id
    if answer.model:
        out["model"] = answer.model
    if answer.usage is not None:
        out["usage"] = usage.write(answer.usage, own=True)
    return out


def _read_choice(raw: Json, where: str) -> Choice:
    if type(raw) is not dict or ("message" not in raw and "finish_reason" not in raw):  # Azure: all of it was filtered
        raise AttemptFailed(Failure.MALFORMED, f"200 with {where} that has no message", status=200)
    said = object_of(raw.get("message"))
    if not said and raw.get("message") not in (None, {}):
        raise AttemptFailed(Failure.MALFORMED, f"200 with {where}.message that is no object", status=200)
    parts, form, marks = message.read_said(said, f"{where}.message")
    _read_citations(said.get("annotations"), parts)
    choice = Choice(parts=parts, said=ending.said_in(raw))
    stopped_by = raw.get("stop_reason")  # vLLM: the stop string, or a token's number
    if choice.said == ending.STOP and type(stopped_by) is str:
        choice.stopped_by = stopped_by
    choice.ending = ending.meaning(
        choice.said,
        raw.get("native_finish_reason"),
        choice.stopped_by,
        parts=bool(parts),
        refused=any(isinstance(part, Refusal) for part in parts),
        called=any(isinstance(part, ToolCall) for part in parts),
    )
    choice.rest = marks | spelling("form " + form)
    index = int(where[8:-1])
    choice.rest |= left(raw, _say_choice(choice, index, own=True, ids=CallIds(), lost=Lost()), *INNER, formal=_FORMAL)
    return choice


def _say_choice(choice: Choice, index: int, *, own: bool, ids: CallIds, lost: Lost, older: bool = False) -> Obj:
    where = f"choices[{index}]"
    rest: Rest = choice.rest if own else {}
    form = next((form for form in ("text", "null", "none") if "\0=form " + form in rest), "")
    way = Way(own=own, ids=ids, lost=lost, where=f"{where}.message", answer=True, older=older)
    said = say(choice.parts, form, rest, way)
    said["role"] = "assistant"
    notes = [_say_citation(one, own=own) for part in choice.parts if isinstance(part, Text) for one in part.citations]
    written: list[Json] = [note for note in notes if note is not None]
    if written:
        said["annotations"] = written
    out: Obj = {"index": index, "message": said}
    if own:
        out["finish_reason"] = choice.said or None
        if choice.stopped_by:
            out["stop_reason"] = choice.stopped_by
        return out
    lost.rest(where, choice.rest)
    if len(written) != len(notes):
        lost.add(f"{where}.message.annotations", "a source without a URL cannot be said there")
    refused = any(isinstance(part, Refusal) for part in choice.parts)
    said.setdefault("refusal", None)
    out["finish_reason"], native = ending.word(choice.ending, refused=refused, legacy=older)
    out["logprobs"] = None
    if native:
        out["native_finish_reason"] = native
    if choice.stopped_by:
        out["stop_reason"] = choice.stopped_by
    return out


def _read_citations(raw: Json, parts: list[Part]) -> None:
    if type(raw) is not list:
        return
    text = next((part for part in parts if isinstance(part, Text)), None)
    if text is not None:
        text.citations = [one for note in raw if (one := read_citation(note)) is not None]


def _read_sources(raw: Obj, answer: Answer) -> None:
    """Perplexity's: addresses beside the choices, titles in a list of their own."""
    urls, found = raw.get("citations"), raw.get("search_results")
    if type(urls) is not list:
        return
    titles = {text_of(one.get("url")): text_of(one.get("title")) for one in _objects(found)}
    for choice in answer.choices:
        text = next((part for part in choice.parts if isinstance(part, Text)), None)
        if text is not None and not text.citations:
            text.citations = [
                Citation(url=url, title=titles.get(url, ""), rest=spelling("beside"))
                for url in urls
                if type(url) is str and url
            ]


def _objects(value: Json) -> list[Obj]:
    return [one for one in value if type(one) is dict] if type(value) is list else []


def read_citation(raw: Json) -> Citation | None:
    """A ``url_citation``; None for any other annotation."""
    said = object_of(object_of(raw).get("url_citation"))
    url = said.get("url")
    if type(url) is not str or not url:
        return None
    start, end = said.get("start_index"), said.get("end_index")
    citation = Citation(url=url, title=text_of(said.get("title")), quoted=text_of(said.get("content")))
    if type(start) is int and type(end) is int:
        citation.start, citation.end = start, end
    citation.rest = left(object_of(raw), say_citation(citation), "url_citation")
    return citation


def _say_citation(one: Citation, *, own: bool) -> Obj | None:
    if not one.url or (own and "\0=beside" in one.rest):
        return None
    return lay(say_citation(one), one.rest, "url_citation") if own else say_citation(one)


def say_citation(one: Citation) -> Obj:
    """A citation as an annotation; the places are wanted there, so what is not known is said as 0."""
    inner: Obj = {
        "url": one.url,
        "title": one.title,
        "start_index": max(one.start, 0),
        "end_index": max(one.end, 0),
    }
    if one.quoted:
        inner["content"] = one.quoted
    return {"type": "url_citation", "url_citation": inner}
