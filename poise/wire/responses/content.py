"""Content parts of messages and of tool results, both ways."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Citation, Json, Kept, Media, Part, Refusal, Text
from poise.wire.responses.shell import Object, seen, shell_of, text_at

KEPT_CONTENT: Final = "content:"  # before the type of a kept part that stands inside a message, not beside it
_AUDIO: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_FORMATS: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_BASE64: Final = ";base64,"
_MAX_TYPE_CHARS: Final = 256


def read_content(part: Object, path: str) -> Part:
    """One content part. Raises Unreadable."""
    kind = part.get("type")
    found: Part | None = None
    if FORMAL not in part:  # a client's own field of this name would be taken for ours
        if kind in ("output_text", "input_text", "text"):
            return _read_text(part, path)
        if kind == "refusal":
            rest = {name: value for name, value in part.items() if name not in ("type", "refusal")}
            return Refusal(text=text_at(part, "refusal", path), rest=rest)
        if kind == "input_image":
            found = _read_image(part)
        elif kind == "input_file":
            found = _read_file(part)
        elif kind == "input_audio":
            found = _read_audio(part)
    return found or Kept(what=f"{KEPT_CONTENT}{kind}", value=part)


def read_citation(annotation: Object) -> Citation:
    """One annotation of a text."""
    url, title = annotation.get("url"), annotation.get("title")
    start, end = annotation.get("start_index"), annotation.get("end_index")
    if annotation.get("type") != "url_citation" or not isinstance(url, str):
        name = annotation.get("filename")
        said = {key: value for key, value in annotation.items() if key in ("file_id", "container_id", "url")}
        return Citation(title=name if isinstance(name, str) else "", rest={**said, FORMAL: annotation})
    return Citation(
        url=url,
        title=title if isinstance(title, str) else "",
        start=start if isinstance(start, int) else -1,
        end=end if isinstance(end, int) else -1,
        rest={FORMAL: annotation},
    )


def write_citation(citation: Citation, *, own: bool, length: int) -> Object | None:
    """An annotation; None where the citation has no URL. length: characters of the text, cited whole where no place is said."""
    if own and isinstance(said := citation.rest.get(FORMAL), dict):
        return said
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "start_index": max(citation.start, 0),
        "end_index": length if citation.end < 0 else citation.end,
        "title": citation.title,
        "url": citation.url,
    }


def write_text(text: Text, kind: str, where: str, lost: Lost, *, own: bool, whole: bool = False) -> Object:
    """A text as a part of type kind, unless its own shell says another. whole: with all that an answer must have."""
    shell = shell_of(text.rest, "part") if own else None
    out: Object = {"type": kind, "text": text.text}
    if shell is not None:
        out["type"] = shell.get("type")
    elif whole:
        out["annotations"], out["logprobs"] = [], []
    if text.citations or (shell is not None and "annotations" in shell):
        if out["type"] == "output_text" or shell is not None:
            out["annotations"] = write_citations(text, where, lost, own=own)
        else:
            lost.add(where, "citations stand in the model's own text only")
    if text.signature:
        lost.add(where, "the signature of a text has no counterpart there")
    if own:
        out.update(seen(text.rest))
    else:
        lost.rest(where, text.rest)
    return out


def write_citations(text: Text, where: str, lost: Lost, *, own: bool) -> list[Json]:
    """The annotations of a text."""
    out: list[Json] = []
    for citation in text.citations:
        annotation = write_citation(citation, own=own, length=len(text.text))
        if annotation is None:
            lost.add(f"{where}.citations", "a citation without a URL has no counterpart there")
        else:
            out.append(annotation)
        if not own:
            lost.rest(f"{where}.citations", citation.rest)
    return out


def write_refusal(refusal: Refusal, where: str, lost: Lost, *, own: bool) -> Object:
    """A refusal."""
    out: Object = {"type": "refusal", "refusal": refusal.text}
    if own:
        out.update(seen(refusal.rest))
    else:
        lost.rest(where, refusal.rest)
    return out


def write_media(media: Media, where: str, lost: Lost, *, own: bool) -> Object | None:
    """An image, file or sound as something that is given to the model; None, noted, where it cannot be."""
    out = _written(media)
    if out is None:
        lost.add(where, f"{media.kind} ({media.media_type or 'of no known type'}) has no counterpart there")
        return None
    if own:
        out.update(seen(media.rest))
    else:
        lost.rest(where, media.rest)
    return out


def _read_text(part: Object, path: str) -> Text:
    text = text_at(part, "text", path)
    shell: Object = {"type": part["type"]}
    citations: list[Citation] = []
    taken = ["type", "text"]
    said = part.get("annotations")
    if isinstance(said, list) and all(isinstance(one, dict) for one in said):
        taken.append("annotations")
        shell["annotations"] = None
        citations = [read_citation(one) for one in said if isinstance(one, dict)]
    rest: Object = {name: value for name, value in part.items() if name not in taken}
    rest[FORMAL] = {"part": shell}
    return Text(text=text, citations=citations, rest=rest)


def _read_image(part: Object) -> Media | None:
    url, file_id, detail = part.get("image_url"), part.get("file_id"), part.get("detail")
    media = Media(kind="image")
    taken = ["type"]
    if isinstance(detail, str) and detail:
        media.detail = detail
        taken.append("detail")
    if isinstance(url, str) and url and not file_id:
        media.media_type, media.data = _from_data_url(url)
        media.url = "" if media.data else url
        taken.append("image_url")
    elif isinstance(file_id, str) and file_id and not url:
        media.file_id = file_id
        taken.append("file_id")
    else:
        return None
    media.rest = {name: value for name, value in part.items() if name not in taken}
    return media


def _read_file(part: Object) -> Media | None:
    ways = [name for name in ("file_data", "file_url", "file_id") if part.get(name)]
    if len(ways) != 1 or not isinstance(said := part[ways[0]], str):
        return None
    media = Media(kind="file")
    if ways[0] == "file_url":
        media.url = said
    elif ways[0] == "file_id":
        media.file_id = said
    else:
        media.media_type, media.data = _from_data_url(said)
        if not media.data:
            if said.startswith("data:"):
                return None
            media.data = said
    taken = ["type", ways[0]]
    name = part.get("filename")
    if isinstance(name, str) and name:
        media.name = name
        taken.append("filename")
    media.rest = {name: value for name, value in part.items() if name not in taken}
    return media


def _read_audio(part: Object) -> Media | None:
    inner = part.get("input_audio")
    if not isinstance(inner, dict) or len(inner) != 2:
        return None
    data, form = inner.get("data"), inner.get("format")
    if not isinstance(data, str) or not data or not isinstance(form, str) or form not in _AUDIO:
        return None
    rest = {name: value for name, value in part.items() if name not in ("type", "input_audio")}
    return Media(kind="audio", media_type=_AUDIO[form], data=data, rest=rest)


def _written(media: Media) -> Object | None:
    out: Object
    if media.kind == "image":
        out = {"type": "input_image"}
        if media.file_id:
            out["file_id"] = media.file_id
        else:
            out["image_url"] = media.url or f"data:{media.media_type or 'image/png'};base64,{media.data}"
        if media.detail:
            out["detail"] = media.detail
        return out
    if media.kind == "file":
        return _written_file(media)
    if media.kind == "audio" and media.data and media.media_type in _FORMATS:
        return {"type": "input_audio", "input_audio": {"data": media.data, "format": _FORMATS[media.media_type]}}
    return None


def _written_file(media: Media) -> Object:
    out: Object = {"type": "input_file"}
    if media.file_id:
        out["file_id"] = media.file_id
    elif media.url:
        out["file_url"] = media.url
    else:
        out["file_data"] = f"data:{media.media_type};base64,{media.data}" if media.media_type else media.data
    if media.name:
        out["filename"] = media.name
    return out


def _from_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 of a data URL; two empty strings where it is another URL, or cannot be said again as it was."""
    if not url.startswith("data:"):
        return "", ""
    at = url.find(_BASE64, 5, _MAX_TYPE_CHARS)
    return (url[5:at], url[at + len(_BASE64) :]) if at > 5 else ("", "")
