"""Where a text comes from: groundingMetadata and citationMetadata, both ways. Google counts bytes, the model characters."""

from __future__ import annotations

from poise.wire.conversation.part import Citation, Json, Part, Text
from poise.wire.gemini.forms import Obj


def read(candidate: Obj) -> list[Citation]:
    """The sources of a candidate's text; start and end are still bytes."""
    return [*_cited(candidate.get("citationMetadata")), *_grounded(candidate.get("groundingMetadata"))]


def attach(parts: list[Part], found: list[Citation]) -> None:
    """Give each source to the text that it belongs to: the one that holds the words quoted, else the first."""
    texts = [part for part in parts if isinstance(part, Text) and part.text]
    if not texts:
        return
    for citation in found:
        owner = next((text for text in texts if citation.quoted and citation.quoted in text.text), texts[0])
        to_characters(citation, owner.text)
        owner.citations = [*owner.citations, citation]


def to_characters(citation: Citation, text: str) -> None:
    """From bytes of the text in UTF-8 to characters."""
    if citation.end < 0 or text.isascii():
        return
    raw = text.encode("utf-8", "surrogatepass")
    citation.start = len(raw[: citation.start].decode(errors="ignore"))
    citation.end = len(raw[: citation.end].decode(errors="ignore"))


def _cited(metadata: Json) -> list[Citation]:
    if not isinstance(metadata, dict):
        return []
    sources = metadata.get("citations") or metadata.get("citationSources")
    found: list[Citation] = []
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict):
            start, end = _span(source)
            found.append(Citation(url=_text(source.get("uri")), title=_text(source.get("title")), start=start, end=end))
    return found


def _grounded(metadata: Json) -> list[Citation]:
    if not isinstance(metadata, dict):
        return []
    chunks, supports = metadata.get("groundingChunks"), metadata.get("groundingSupports")
    if not isinstance(chunks, list):
        return []
    pages = [_page(chunk) for chunk in chunks]
    found: list[Citation] = []
    for support in supports if isinstance(supports, list) else ():
        segment = support.get("segment") if isinstance(support, dict) else None
        indices = support.get("groundingChunkIndices") if isinstance(support, dict) else None
        if not isinstance(segment, dict) or not isinstance(indices, list):
            continue
        start, end = _span(segment)
        for index in indices:
            if isinstance(index, int) and 0 <= index < len(pages):
                url, title = pages[index]
                quoted = _text(segment.get("text"))
                found.append(Citation(url=url, title=title, quoted=quoted, start=start, end=end))
    return found


def _page(chunk: Json) -> tuple[str, str]:
    """URL and title of a chunk, which says them by where it was found: on the web, on a map, in a store of files."""
    for inner in chunk.values() if isinstance(chunk, dict) else ():
        if isinstance(inner, dict):
            return _text(inner.get("uri")), _text(inner.get("title"))
    return "", ""


def _span(said: Obj) -> tuple[int, int]:
    end = said.get("endIndex")
    if not isinstance(end, int):
        return -1, -1
    start = said.get("startIndex")
    return (start if isinstance(start, int) else 0), end  # a start of 0 is left out


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def write(citations: list[Citation], text: str | None) -> Obj:
    """The groundingMetadata that names the sources of a text; None: of a text that is gone, so that no place is told."""
    chunks: list[Json] = []
    supports: list[Json] = []
    for number, citation in enumerate(citations):
        page: Obj = {"uri": citation.url}
        if citation.title:
            page["title"] = citation.title
        chunks.append({"web": page})
        segment: Obj = {}
        if citation.end >= 0 and text is not None:
            segment["startIndex"] = len(text[: citation.start].encode("utf-8", "surrogatepass"))
            segment["endIndex"] = len(text[: citation.end].encode("utf-8", "surrogatepass"))
        if citation.quoted:
            segment["text"] = citation.quoted
        if segment:
            supports.append({"segment": segment, "groundingChunkIndices": [number]})
    out: Obj = {"groundingChunks": chunks}
    if supports:
        out["groundingSupports"] = supports
    return out
