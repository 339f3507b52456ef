"""What an error calls itself: code, type and words, out of every shape in which vendors are known to send errors.

The shapes: an object under ``error`` (OpenAI and its likes, Anthropic, Gemini), text under ``error`` (xAI, Ollama, Hugging
Face), ``detail`` as text or as a list (Mistral, FastAPI, problem+json), a bare ``message`` (Cohere, Cerebras, Qwen,
Bedrock), ``errors`` as a list, any of these in a list (a Gemini stream), in ``response`` (a failed event of the responses
API), behind ``data:`` (an event as it was framed), and plain text or a web page.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_decode: Final = msgspec.json.Decoder().decode
MAX_DEPTH: Final = 3  # errors within errors: a router's, and the vendor's behind it
MAX_PAGE: Final = 2_000  # characters of a web page that are searched for its title

Json = dict[str, Any]


class Said(msgspec.Struct, frozen=True):
    """code and kind are the vendor's words ('' where it has none), more is further names, all as written.

    also is more text; status is one that the body itself names (0: none); wait_s a pause it asks for; inner what the
    vendor behind it said.
    """

    message: str = ""
    code: str = ""
    kind: str = ""
    more: tuple[str, ...] = ()
    also: str = ""
    status: int = 0
    wait_s: float | None = None
    inner: Said | None = None


def read(body: bytes, headers: dict[bytes, bytes], depth: int = 0) -> Said:
    """Never raises."""
    amazon = headers.get(b"x-amzn-errortype", b"").decode("latin-1").partition(":")[0]
    tree = _tree(body)
    if isinstance(tree, dict):
        return _of_object(tree, amazon, depth)
    text = tree if isinstance(tree, str) else body[: MAX_PAGE * 2].decode("utf-8", "replace")
    return Said(_of_page(text), code=amazon)


def _tree(body: bytes) -> object:
    """The JSON of an error: of the body, of the first in a list, or of an event's data. None where there is none."""
    raw = body.strip()
    if raw[:5] in {b"event", b"data:"}:
        lines = [line[5:].strip() for line in raw.split(b"\n") if line.startswith(b"data:")]
        raw = next((line for line in lines if b"error" in line), lines[0] if lines else b"")
    if raw[:1] not in {b"{", b"[", b'"'}:
        return None
    try:
        tree = _decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return tree[0] if isinstance(tree, list) and tree else tree


def _of_object(tree: Json, amazon: str, depth: int) -> Said:
    response = tree.get("response")
    if isinstance(response, dict) and isinstance(response.get("error"), dict):
        tree = response
    error = tree.get("error")
    errors = tree.get("errors")
    if not error and isinstance(errors, list) and errors:
        error = errors[0]
    if isinstance(error, list) and error:
        error = error[0]
    if not isinstance(error, dict):
        return _of_flat(tree, _text(error), amazon)
    numbers = [number for name in ("code", "status", "http_status") if (number := _status(error.get(name)))]
    inner_error = error.get("innererror")
    azure = _text(inner_error.get("code")) if isinstance(inner_error, dict) else ""
    reasons, also, wait_s = _details(error.get("details"))
    names = [_text(error.get("type")), _text(error.get("status")), _text(tree.get("error_type")), amazon]
    code = _text(error.get("code"))
    kind = next((name for name in names if name), "")
    if kind and code.isdigit() and numbers:
        code = ""  # the status once more; the vendor's word for it says more
    return Said(
        _text(error.get("message")) or _of_details(error) or _text(tree.get("message")),
        code,
        kind,
        (*names, azure, *reasons),
        also,
        numbers[0] if numbers else 0,
        wait_s,
        _behind(error.get("metadata"), depth),
    )


def _of_flat(tree: Json, error: str, amazon: str) -> Said:
    """No object under ``error``: code, type and words stand on top."""
    message = error or _text(tree.get("message")) or _of_details(tree)
    numbers = [number for name in ("code", "status", "raw_status_code") if (number := _status(tree.get(name)))]
    names = [_text(tree.get(name)) for name in ("type", "error_type", "__type", "reason")]
    code = _text(tree.get("code")) or amazon
    kind = next((name for name in names if name and name not in {"error", "about:blank"}), "")
    if kind and code.isdigit() and _status(tree.get("code")):
        code = ""
    again = tree.get("estimated_time")
    wait_s = float(again) if isinstance(again, int | float) and again >= 0 else None
    return Said(message, code, kind.rpartition("#")[2], tuple(names), "", numbers[0] if numbers else 0, wait_s)


def _of_details(tree: Json) -> str:
    """FastAPI's ``detail``: text, or a list of places and what is wrong there."""
    detail = tree.get("detail", tree.get("details"))
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        first = detail[0]
        where = ".".join(_text(step) for step in first.get("loc") or ()) if isinstance(first.get("loc"), list) else ""
        words = _text(first.get("msg"))
        return f"{where}: {words}" if where and words else words
    if isinstance(detail, dict):
        return _text(detail.get("message"))
    return _text(detail) or _text(tree.get("title"))


def _details(details: object) -> tuple[tuple[str, ...], str, float | None]:
    """Google's details: the reasons and quotas they name, what they say at length, and how long to wait."""
    names: list[str] = []
    also = ""
    wait_s: float | None = None
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        names.append(_text(detail.get("reason")))
        also = also or _text(detail.get("detail"))
        delay = _text(detail.get("retryDelay"))
        if delay.endswith("s") and delay[:-1].replace(".", "", 1).isdigit():
            wait_s = float(delay[:-1])
        violations = detail.get("violations")
        quotas = (
            [_text(v.get("quotaId")) for v in violations if isinstance(v, dict)] if isinstance(violations, list) else []
        )
        if any("perday" in quota.lower() for quota in quotas):
            names.append("per_day_quota")
    return tuple(name for name in names if name), also, wait_s


def _behind(metadata: object, depth: int) -> Said | None:
    """OpenRouter's ``metadata.raw``: what the vendor behind it said, as text that may be JSON."""
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(raw, dict):
        raw = msgspec.json.encode(raw).decode()
    if not isinstance(raw, str) or not raw or depth >= MAX_DEPTH:
        return None
    return read(raw.encode("utf-8", "replace"), {}, depth + 1)


def _of_page(text: str) -> str:
    """A web page's title; other text as it is."""
    low = text[:MAX_PAGE].lower()
    start = low.find("<title>")
    end = low.find("</title>", start)
    return text[start + 7 : end].strip() if 0 <= start < end else text.strip()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _status(value: object) -> int:
    """A number, or digits, that can be an HTTP status of an error; else 0."""
    digits = _text(value)
    return int(digits) if len(digits) == 3 and digits.isdigit() and 400 <= int(digits) < 600 else 0
