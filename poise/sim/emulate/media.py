"""The media type of an image or file, from its data URL or the end of its name."""

from __future__ import annotations

import mimetypes


def type_of_url(url: str, kind: str) -> str:
    """``image/png``; ``image/unknown`` where nothing says it."""
    if url.startswith("data:"):
        return url[5:].partition(";")[0].partition(",")[0] or f"{kind}/unknown"
    guessed, _ = mimetypes.guess_type(url.partition("?")[0], strict=False)
    return guessed or f"{kind}/unknown"
