"""Parts, written for Gemini: of its own dialect letter by letter, of others with a note for what it cannot carry."""

from __future__ import annotations

import binascii
from typing import Final

import msgspec

from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Json,
    Kept,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from poise.wire.gemini.forms import Obj, decode, lay, text_of
from poise.wire.gemini.parts_read import RESULT_KEYS, lives_at_google

# Fields of other dialects that say nothing about the answer itself:
# cache_control, prompt_cache_key: a hint what to cache, and Gemini caches by itself;
# stream_options: usage always comes; store: what is asked through a gateway is never looked up at the provider.
HARMLESS: Final = frozenset({"cache_control", "prompt_cache_key", "stream_options", "store"})
OWN_KINDS: Final = frozenset(
    {"executableCode", "codeExecutionResult", "toolCall", "toolResponse", "inlineData", "functionCall"}
)

_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
}
_USUAL: Final = {"image": "image/jpeg", "audio": "audio/wav", "video": "video/mp4", "file": "application/pdf"}
_TO_URLSAFE: Final = str.maketrans("+/", "-_")


class PartWriter:
    """Writes the parts of one ask or answer. own: it was read from Gemini, so that ``rest`` is said again."""

    __slots__ = ("_names", "lost", "own", "plain_ids")

    def __init__(self, lost: Lost, *, own: bool, plain_ids: bool = True) -> None:
        self.lost = lost
        self.own = own
        self.plain_ids = plain_ids  # ids of calls are understood there
        self._names: dict[str, str] = {}  # a call's id to its tool's name, which Gemini wants beside the result

    def write(self, part: Part, where: str) -> Obj | None:
        """A part; None where nothing is to be said."""
        if isinstance(part, Kept):
            return self._kept(part, where)
        if not self.own:
            self.lost.rest(where, part.rest, HARMLESS)
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, ToolCall):
            return self._call(part, where)
        if isinstance(part, ToolResult):
            return self._result(part, where)
        if isinstance(part, Media):
            return self._media(part, where)
        if isinstance(part, Reasoning):
            return self._thought(part, where)
        return self._refusal(part, where)

    def _done(self, out: Obj, part: Text | ToolCall | ToolResult | Media | Reasoning | Refusal) -> Obj:
        return lay(out, part.rest) if self.own and part.rest else out

    def _seal(self, part: Text | ToolCall | Reasoning) -> str:
        return part.signature.translate(_TO_URLSAFE) if self.own and "@urlsafe" in part.rest else part.signature

    def _kept(self, part: Kept, where: str) -> Obj | None:
        if self.own and isinstance(part.value, dict):
            return part.value
        self.lost.add(where, f"{part.what} has no counterpart there")
        return None

    def _text(self, part: Text) -> Obj | None:
        if not (self.own or part.text or part.signature):
            return None  # an empty text is refused there
        out: Obj = {"text": part.text}
        if part.signature:
            out["thoughtSignature"] = self._seal(part)
        return self._done(out, part)

    def _thought(self, part: Reasoning, where: str) -> Obj | None:
        if part.sealed:
            self.lost.add(where, "sealed thought can be read by its own provider only")
        signature = part.signature
        if signature and not self.own and not is_base64(signature):
            self.lost.add(where, "a signature that is no base64 has no place there")
            signature = ""
        if not (part.text or signature or self.own):
            return None
        out: Obj = {"text": part.text, "thought": True}
        if signature:
            out["thoughtSignature"] = self._seal(part)
        return self._done(out, part)

    def _refusal(self, part: Refusal, where: str) -> Obj | None:
        self.lost.add(where, "a refusal is written as text")
        return self._done({"text": part.text}, part) if part.text else None

    def _call(self, part: ToolCall, where: str) -> Obj:
        call: Obj = {"name": part.name, "args": self._arguments(part, where)}
        if part.id:
            self._names[part.id] = part.name
            if self.plain_ids:
                call["id"] = part.id
        out: Obj = {"functionCall": call}
        if part.signature:
            out["thoughtSignature"] = self._seal(part)
        return self._done(out, part)

    def _arguments(self, part: ToolCall, where: str) -> Obj:
        if part.free:
            self.lost.add(where, "a tool takes an object there, not free text: the text is its field 'input'")
            return {"input": part.arguments}
        if not part.arguments:
            return {}
        value = json_of(part.arguments)
        if isinstance(value, dict):
            return value
        self.lost.add(where, "the arguments are no JSON object: the text is the field 'input'")
        return {"input": part.arguments}

    def _result(self, part: ToolResult, where: str) -> Obj:
        texts: list[str] = []
        pieces: list[Json] = []
        first = -1 if "-functionResponse.response" in part.rest else 0
        for number, piece in enumerate(part.parts):
            if isinstance(piece, Text) and (number == first or not self.own):
                texts.append(piece.text)
            elif (written := self.write(piece, f"{where}.content[{number}]")) is not None:
                pieces.append(written)
        answer: Obj = {"name": part.name or self._names.get(part.call_id, "")}
        if not answer["name"]:
            answer["name"] = part.call_id or "tool"
            if not self.own:
                self.lost.add(where, "the result is of no call that is known, and Gemini wants the tool's name")
        if part.call_id and self.plain_ids:
            answer["id"] = part.call_id
        answer["response"] = _outcome(part, "".join(texts))
        if pieces:
            answer["parts"] = pieces
        return self._done({"functionResponse": answer}, part)

    def _media(self, part: Media, where: str) -> Obj | None:
        if part.detail in {"low", "high"}:
            self.lost.add(where, "the resolution (detail) is not asked for in this dialect")
        kind = part.media_type
        if part.data:
            data = part.data
            if self.own and "@urlsafe" in part.rest:
                data = data.translate(_TO_URLSAFE)
            blob: Obj = {"data": data}
            name = "inlineData"
        else:
            if part.file_id and not lives_at_google(part.file_id):
                self.lost.add(where, f"the file {part.file_id[:64]} lives at another provider")
                return None
            blob = {"fileUri": part.file_id or part.url}
            name = "fileData"
            kind = kind or ("" if self.own else _type_of(part))
        if not self.own:
            kind = kind or _USUAL[part.kind]
        if kind:
            blob["mimeType"] = kind
        if part.name:
            if self.own:
                blob["displayName"] = part.name
            else:
                self.lost.add(where, "the file's name has no place there")
        return self._done({name: blob}, part)


def is_base64(text: str) -> bool:
    """Whether Google's clients can decode a signature: they refuse the whole answer otherwise."""
    try:
        binascii.a2b_base64(text.translate(_PLAIN_ALPHABET), strict_mode=True)
    except (binascii.Error, ValueError):
        return False
    return True


def json_of(text: str) -> Json:
    """The value of JSON text, None where it is none."""
    try:
        value: Json = decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value


def _outcome(part: ToolResult, text: str) -> Obj:
    """An object that says the text: itself where it is compact JSON of an object, so that reading gives it back."""
    if part.failed:
        return {"error": text}
    if "@result" in part.rest:
        return {"result": text}
    if text.startswith("{"):
        value = json_of(text)
        if isinstance(value, dict) and not _reads_as_text(value) and text_of(value) == text:
            return value
    return {"output": text}


def _reads_as_text(value: Obj) -> bool:
    return len(value) == 1 and all(key in RESULT_KEYS and isinstance(only, str) for key, only in value.items())


def _type_of(part: Media) -> str:
    """Google wants a media type beside a URL: by its ending, else the usual one of its kind."""
    path = part.url.partition("?")[0].partition("#")[0]
    return _TYPES.get(path.rpartition(".")[2].lower()[:8], "") or _USUAL[part.kind]


_PLAIN_ALPHABET: Final = str.maketrans("-_", "+/")
