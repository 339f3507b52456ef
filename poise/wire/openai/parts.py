"""Content parts, both ways: text, images, sound, video, files, refusals, and Mistral's thoughts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Kept, Media, MediaKind, Part, Reasoning, Refusal, Rest, Text
from poise.wire.openai.fields import Obj, bad, lay, left, object_of, spelled, spelling, text_of

_Read: TypeAlias = Text | Media | Refusal | Reasoning | None

_NESTED: Final = ("image_url", "input_audio", "file", "file_url", "video_url")
_URL_KINDS: Final[dict[str, MediaKind]] = {"image_url": "image", "video_url": "video", "file_url": "file"}
_WRITTEN: Final = {"image": "image_url", "video": "video_url", "audio": "input_audio"}


def read_part(raw: Json, where: str) -> Part:
    """One part of a content list. Raises Error where it is no object, or says its type and not what that type needs."""
    if type(raw) is not dict:
        raise bad(where, raw, 'a part: {"type": "text", "text": ...}')
    kind = text_of(raw.get("type"))
    if kind == "text":
        text = raw.get("text")
        if type(text) is not str:
            raise bad(f"{where}.text", text, "a string")
        return Text(text=text) if len(raw) == 2 else Text(text=text, rest=left(raw, {"type": kind, "text": text}))
    read = _READERS.get(kind)
    part = read(kind, raw) if read is not None else None
    if part is None:
        return Kept(what=kind or "part", value=raw)
    part.rest = {**part.rest, **left(raw, say_part(part, own=True), *_NESTED)}
    return part


def write_part(part: Part, *, own: bool, lost: Lost, where: str, files: bool = False) -> Obj | None:
    """The part in this dialect, None (and noted in lost) where it cannot be said in content.

    files: the caller's dialect is OpenAI's too, so that ids of files may be known there.
    """
    if isinstance(part, Kept):
        if own and type(part.value) is dict:
            return part.value
        lost.add(where, f"{part.what} has no counterpart there")
        return None
    if not isinstance(part, Text | Media | Refusal | Reasoning):
        lost.add(where, f"{type(part).__name__} cannot stand in content there")
        return None
    if own:
        return lay(say_part(part, own=True), part.rest, *_NESTED)
    lost.rest(where, part.rest)
    if isinstance(part, Text):
        if part.citations:
            lost.add(f"{where}.citations", "sources of a text are not taken back there")
        if part.signature:
            lost.add(f"{where}.signature", "a text's signature has no place there")
    elif isinstance(part, Media) and (why := _cannot(part, files=files)):
        lost.add(where, why)
        return None
    return say_part(part, own=False)


def _cannot(part: Media, *, files: bool) -> str:
    """Why another dialect's medium cannot be said here; '' where it can."""
    if part.file_id and not (files and part.kind == "file"):
        return f"a file's id is known only to the provider that holds it: {part.file_id[:40]}"
    if part.url and part.kind in ("file", "audio"):
        return f"{part.kind} by URL is not taken there"
    if part.kind == "video":
        return "video is not taken there"
    return ""


def say_part(part: Text | Media | Refusal | Reasoning, *, own: bool) -> Obj:
    """What the part's fields give, its rest apart."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if isinstance(part, Reasoning):
        return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
    return _say_media(part, part.rest if own else {})


def split_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 of a data URL; ('', '') where it is no such thing."""
    if url[:5] != "data:":
        return "", ""
    head, comma, data = url.partition(",")
    if not comma or not head.endswith(";base64"):
        return "", ""
    return head[5:-7], data


def media_of_url(kind: MediaKind, url: str, rest: Rest, **more: str) -> Media:
    """A medium by URL, or by its data where the URL holds them."""
    media_type, data = split_data_url(url)
    if data and media_type:
        return Media(kind=kind, media_type=media_type, data=data, rest=rest, **more)
    return Media(kind=kind, url=url, rest=rest, **more)


def url_of(part: Media) -> str:
    """The medium as a URL, of data where it has them."""
    if part.data:
        return f"data:{part.media_type or _ASSUMED[part.kind]};base64,{part.data}"
    return part.url


_ASSUMED: Final = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4", "file": "application/pdf"}


def _say_media(part: Media, rest: Rest) -> Obj:
    bare = spelled(rest, "bare", "document_url", "file_url")
    if bare == "document_url":
        out: Obj = {"type": "document_url", "document_url": url_of(part)}
        return out | {"document_name": part.name} if part.name else out
    if part.kind == "audio" and bare != "bare":
        sound = part.media_type.partition("/")[2] or "wav"
        return {
            "type": "input_audio",
            "input_audio": {"data": part.data or part.url, "format": _FORMATS.get(sound, sound)},
        }
    if part.kind in _WRITTEN:
        name = _WRITTEN[part.kind]
        url = part.data if bare and part.kind == "audio" and part.data else url_of(part)
        if bare:
            return {"type": name, name: url}
        return {"type": name, name: {"url": url, "detail": part.detail} if part.detail else {"url": url}}
    if bare == "file_url":
        return {"type": "file_url", "file_url": {"url": url_of(part)}}
    inner: Obj = {"file_id": part.file_id} if part.file_id else {"file_data": url_of(part)}
    if part.name:
        inner["filename"] = part.name
    return {"type": "file", "file": inner}


_FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}


def _read_url(kind: str, raw: Obj) -> _Read:
    said = raw.get(kind)
    if type(said) is str:
        return media_of_url(_URL_KINDS[kind], said, spelling("bare")) if said and kind != "file_url" else None
    inner = object_of(said)
    url = text_of(inner.get("url"))
    if not url:
        return None
    rest = spelling("file_url") if kind == "file_url" else {}
    return media_of_url(_URL_KINDS[kind], url, rest, detail=text_of(inner.get("detail")))


def _read_audio(kind: str, raw: Obj) -> _Read:
    said = raw.get(kind)
    if type(said) is str and said:
        if said.startswith(("http:", "https:", "data:")):
            return media_of_url("audio", said, spelling("bare"))
        return Media(kind="audio", data=said, rest=spelling("bare"))
    inner = object_of(said)
    data, form = text_of(inner.get("data")), text_of(inner.get("format"))
    if not data:
        return None
    if data.startswith(("http:", "https:", "data:")):
        return Media(kind="audio", media_type=f"audio/{form}" if form else "", url=data)
    return Media(kind="audio", media_type=f"audio/{form}" if form else "", data=data)


def _read_file(kind: str, raw: Obj) -> _Read:
    inner = object_of(raw.get("file"))
    name = text_of(inner.get("filename"))
    if file_id := text_of(inner.get("file_id")):
        return Media(kind="file", file_id=file_id, name=name)
    data = text_of(inner.get("file_data"))
    return media_of_url("file", data, {}, name=name) if data else None


def _read_document(kind: str, raw: Obj) -> _Read:
    url = text_of(raw.get("document_url"))
    if not url:
        return None
    return media_of_url("file", url, spelling("document_url"), name=text_of(raw.get("document_name")))


def _read_refusal(kind: str, raw: Obj) -> _Read:
    text = raw.get("refusal")
    return Refusal(text=text, rest=spelling("inline")) if type(text) is str else None


def read_thinking(kind: str, raw: Obj) -> _Read:
    """Mistral's thoughts: a list of texts within a content part."""
    said = raw.get("thinking")
    if type(said) is str:
        return Reasoning(text=said, rest=spelling("inline"))
    if type(said) is not list:
        return None
    texts = [text_of(piece.get("text")) for piece in said if type(piece) is dict]
    return Reasoning(text="".join(texts), rest=spelling("inline"))


_READERS: Final[dict[str, Callable[[str, Obj], _Read]]] = {
    "image_url": _read_url,
    "video_url": _read_url,
    "file_url": _read_url,
    "input_audio": _read_audio,
    "file": _read_file,
    "document_url": _read_document,
    "refusal": _read_refusal,
    "thinking": read_thinking,
}
