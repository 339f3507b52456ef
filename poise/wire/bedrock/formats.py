"""Formats of media: Bedrock's word and the media type."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.part import MediaKind

TYPES: Final[dict[MediaKind, dict[str, str]]] = {
    "image": {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    "file": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
    "video": {
        "mkv": "video/x-matroska",
        "mov": "video/quicktime",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "mp4": "audio/mp4",
        "ogg": "audio/ogg",
        "mkv": "audio/x-matroska",
        "mka": "audio/mka",
        "x-aac": "audio/x-aac",
        "m4a": "audio/m4a",
        "mpeg": "audio/mpeg",
        "mpga": "audio/mpga",
        "pcm": "audio/pcm",
        "webm": "audio/webm",
    },
}
_FORMATS: Final = {
    kind: {media_type: word for word, media_type in reversed(words.items())} for kind, words in TYPES.items()
}
_ALSO: Final = {"image/jpg": "jpeg", "audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}
_STARTS: Final = (("/9j/", "jpeg"), ("iVBORw0KGgo", "png"), ("R0lGOD", "gif"), ("UklGR", "webp"))
BLOCKS: Final[dict[MediaKind, str]] = {"image": "image", "file": "document", "video": "video", "audio": "audio"}


def format_of(kind: MediaKind, media_type: str, data: str, name: str = "") -> str:
    """Bedrock's word for a media type, by the data or the file's name where none is said; '' where it has none."""
    plain = media_type.partition(";")[0].strip().lower()
    known = _FORMATS[kind].get(plain) or _ALSO.get(plain, "")
    if known in TYPES[kind]:
        return known
    if kind == "image" and not plain:
        return next((word for start, word in _STARTS if data.startswith(start)), "")
    if kind == "file":
        ending = name.rpartition(".")[2].lower()
        if ending in TYPES["file"]:
            return ending
        return "txt" if plain.startswith("text/") else "pdf" if not plain and data.startswith("JVBERi") else ""
    return ""
