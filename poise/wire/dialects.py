"""Every dialect by name: as a client's door, as a target's tongue, and its codec for all that lies between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from poise.errors import Error
from poise.wire import failures
from poise.wire.anthropic import failure as anthropic_failure
from poise.wire.anthropic.codec import Anthropic
from poise.wire.bedrock import codec as bedrock
from poise.wire.bedrock import failure as bedrock_failure
from poise.wire.bedrock import frames
from poise.wire.call import Call, Dialect, StreamReader
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Codec, EventWriter, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.counting import Counting
from poise.wire.embed import BATCH, SINGLE, Embeddings
from poise.wire.gemini import failure as gemini_failure
from poise.wire.gemini.codec import Gemini
from poise.wire.hosted import VERTEX_CLAUDE, Hosted, VertexCounting, VertexEmbeddings, claude_path
from poise.wire.images import EDIT, EDIT_FORM, GENERATE, Images
from poise.wire.interpret import Arrayed
from poise.wire.mend.mender import Mender
from poise.wire.oip.dialect import OpenInference
from poise.wire.openai import OpenAI
from poise.wire.openai import failure as openai_failure
from poise.wire.openai.codec import OpenAIChat
from poise.wire.path import in_path
from poise.wire.responses.codec import Responses
from poise.wire.skim import ANTHROPIC, BEDROCK, GEMINI, RESPONSES
from poise.wire.spoken import Errors, Interpreter, Spoken
from poise.wire.sse import Splitter


class _GeminiArray(Gemini):
    """Gemini as a client hears it that did not ask for ``alt=sse``: a stream is one JSON array."""

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> EventWriter:
        return self.array_writer(ask, lost)


class _SpokenArray(Spoken):
    """Events of a Gemini target as elements of the array that such a client reads."""

    def stream_reader(self, call: Call) -> StreamReader:
        return Arrayed(self.codec.event_reader())


def _responses_event(error: Error, decision: str) -> bytes:
    """The event as it is documented, and beside it the object on which OpenAI's clients raise."""
    inner = msgspec.json.decode(openai_failure.body(error, decision))["error"]
    shown = {
        "type": "error",
        "code": inner["code"],
        "message": inner["message"],
        "param": None,
        "sequence_number": 0,
        "error": inner,
    }
    return b"event: error\ndata: " + msgspec.json.encode(shown) + b"\n\n"


def _always(path: bytes) -> Callable[[str, bool], bytes]:
    def same(model: str, stream: bool) -> bytes:
        return path

    return same


def _array_event(error: Error, decision: str) -> bytes:
    """The last element of an array that has begun, and its end."""
    return b",\r\n" + gemini_failure.error_body(error, decision) + b"]"


_ANTHROPIC_ERRORS: Final = Errors(anthropic_failure.read, anthropic_failure.error_body, anthropic_failure.error_event)
_GEMINI_ERRORS: Final = Errors(gemini_failure.read, gemini_failure.error_body, gemini_failure.error_event)


def _gemini_path(model: str, stream: bool) -> bytes:
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/models/{in_path(model)}:{method}".encode()


def embeddings(name: str, back: str) -> Dialect:
    """Embeddings for a caller at the door of this name, at a target of back (one of EMBEDDERS)."""
    front = DIALECTS["openai" if name == "embeddings" else "gemini"]
    if back == "gemini-vertex":
        return VertexEmbeddings(name, front, DIALECTS["gemini"])
    if front.name == back == "openai":
        return OpenAI(failures.classify, name)
    return Embeddings(name, front, DIALECTS[back])


CODECS: Final[dict[str, Codec]] = {
    "openai": OpenAIChat(),
    "responses": Responses(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
    "gemini-array": _GeminiArray(),
}
DIALECTS: Final[dict[str, Dialect]] = {
    "openai": OpenAI(failures.classify),
    "responses": Spoken(
        CODECS["responses"],
        RESPONSES,
        Errors(failures.classify, openai_failure.body, _responses_event),
        _always(b"/responses"),
    ),
    "anthropic": Spoken(
        CODECS["anthropic"],
        ANTHROPIC,
        _ANTHROPIC_ERRORS,
        _always(b"/v1/messages"),
    ),
    "gemini": Spoken(CODECS["gemini"], GEMINI, _GEMINI_ERRORS, _gemini_path),
    "gemini-array": _SpokenArray(
        CODECS["gemini-array"], GEMINI, _GEMINI_ERRORS._replace(event=_array_event), _gemini_path, name="gemini-array"
    ),
}
# Doors of their own: surfaces that a dialect has beside its chat. CHATS are all others.
CHATS: Final = tuple(CODECS)
EMBEDS: Final = ("embeddings", SINGLE, BATCH)
COUNTS: Final = {"anthropic-count": "anthropic", "gemini-count": "gemini"}
IMAGES: Final = (GENERATE, EDIT, EDIT_FORM)
DIALECTS.update({name: embeddings(name, "openai") for name in EMBEDS})
DIALECTS["oip"] = OpenInference()
DIALECTS.update({name: Counting(name, DIALECTS[chat]) for name, chat in COUNTS.items()})
DIALECTS.update({name: Images(name) for name in IMAGES})
# What clients of a dialect are sent: whole answers are JSON in each.
STREAM_KINDS: Final = {"gemini-array": b"application/json"}


class Back(NamedTuple):
    """A dialect as a target speaks it. same is the caller's dialect whose bytes can go on as they came, '' where there is
    none; streams_as is how the content type of its streams begins, splitter what cuts them; manner is its own, where a
    vendor's row has none for it.
    """

    dialect: Dialect
    codec: Codec
    same: str
    streams_as: bytes = b"text/event-stream"
    splitter: Callable[[], Splitter] = Splitter
    manner: Manner | None = None


BACKS: Final[dict[str, Back]] = {
    **{name: Back(DIALECTS[name], codec, name) for name, codec in CODECS.items()},
    "gemini-vertex": Back(DIALECTS["gemini"], CODECS["gemini"], "gemini", manner=Manner()),
    "anthropic-vertex": Back(
        Hosted(CODECS["anthropic"], ANTHROPIC, _ANTHROPIC_ERRORS, claude_path, VERTEX_CLAUDE),
        CODECS["anthropic"],
        "anthropic",
        manner=VERTEX_CLAUDE,
    ),
    "bedrock": Back(
        Spoken(
            bedrock.CODEC,
            BEDROCK,
            Errors(bedrock_failure.read, bedrock_failure.error_body, bedrock_failure.error_event),
            bedrock.path_of,
        ),
        bedrock.CODEC,
        "",
        b"application/vnd.amazon.eventstream",
        frames.Splitter,
    ),
}
EMBEDDERS: Final = ("openai", "gemini", "gemini-vertex")


def mender(front: str, back: str, manner: Manner) -> Mender:
    """What repairs a broken stream for a caller of front at a target of back."""
    row = BACKS[back]
    return Mender(CODECS[front], row.codec, row.manner or manner)


def between(front: str, back: str, manner: Manner) -> Dialect:
    """What a caller of front speaks with a target of back. One and the same: bytes go on as they came."""
    target = BACKS[back]
    if front == target.same:
        return target.dialect
    if (front, target.same) == ("gemini-array", "gemini"):
        return DIALECTS[front]
    return Interpreter(DIALECTS[front], CODECS[front], target.dialect, target.codec, target.manner or manner)


def counts(back: str) -> dict[str, Dialect]:
    """The doors for counts that a target of back serves."""
    of = COUNTS.items()
    if back.endswith("-vertex"):
        return {name: VertexCounting(name, DIALECTS[chat]) for name, chat in of if BACKS[back].same == chat}
    return {name: DIALECTS[name] for name, chat in of if chat == back}
