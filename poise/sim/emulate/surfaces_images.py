"""OpenAI's images API: ``/images/generations`` and ``/images/edits``, whole and streamed; every picture is one pixel."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP
from typing import Final

from poise.sim.emulate import openai_errors
from poise.sim.emulate.asked import MEDIA_TOKENS, Asked, Obj, Refused
from poise.sim.emulate.field import Wrong, look, of_kind
from poise.sim.emulate.message import Answered, Request, encoded, event, whole
from poise.sim.emulate.scenario import Scenario
from poise.sim.emulate.surface import Here, body_of, decide, entire, streamed

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
MAX_PICTURES: Final = 10
MAX_PARTIAL: Final = 3
PICTURE_TOKENS: Final = 272  # what OpenAI counts for a small picture of low quality
_NUMBERS: Final = ("n", "partial_images")


def generations(request: Request, here: Here) -> Answered:
    """``/images/generations``"""
    return _draw(body_of(request), here, "image_generation", 0)


def edits(request: Request, here: Here) -> Answered:
    """``/images/edits``, as JSON"""
    body = body_of(request)
    given = of_kind(look(body, "images", "array", need=True), "array", ("images",))
    return _draw(body, here, "image_edit", len(given))


def edits_or_form(request: Request, here: Here) -> Answered:
    """``/images/edits``, as JSON or as a form"""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return edits(request, here)
    fields, files = read_form(request)
    here.seen.body = {"_form": fields, "_files": files}
    pictures = [name for name in files if name in ("image", "image[]")]
    if not pictures:
        raise Wrong(("image",), "missing")
    body: Obj = dict(fields)
    for name in _NUMBERS:
        if name in fields:
            body[name] = int(fields[name]) if fields[name].isdigit() else fields[name]
    if "stream" in fields:
        body["stream"] = fields["stream"] == "true"
    return _draw(body, here, "image_edit", len(pictures))


def read_form(request: Request) -> tuple[dict[str, str], list[str]]:
    """Fields by name, and the names of the files. Read by the standard library: what the gateway sent must be plain MIME."""
    head = b"content-type: " + request.headers["content-type"].encode("latin-1") + b"\r\n\r\n"
    made = message_from_bytes(head + request.body, policy=HTTP)
    if not made.is_multipart():
        raise Refused("bad_json", "could not parse multipart form")
    fields: dict[str, str] = {}
    files: list[str] = []
    for part in made.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if part.get_filename() is not None:
            files.append(str(name))
        else:
            fields[str(name)] = payload.decode()
    return fields, files


def _draw(body: Obj, here: Here, name: str, pictures: int) -> Answered:
    prompt = look(body, "prompt", "string", need=True)
    count = look(body, "n", "integer") or 1
    partial = look(body, "partial_images", "integer") or 0
    if not 0 < count <= MAX_PICTURES:
        raise Wrong(("n",), "value", f"1..{MAX_PICTURES}", count)
    if not 0 <= partial <= MAX_PARTIAL:
        raise Wrong(("partial_images",), "value", f"0..{MAX_PARTIAL}", partial)
    words = len(prompt.split())
    asked = Asked(model=look(body, "model", "string") or "", last=prompt, words=words + pictures * MEDIA_TOKENS)
    scenario, _ = decide(asked, here)
    usage = _usage(words, pictures * MEDIA_TOKENS, count)
    more = {"size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
    if look(body, "stream", "boolean"):
        return _stream(scenario, here, name, more, (count, partial), usage)
    data = [{"b64_json": PIXEL} for _ in range(count)]
    if here.vendor == "xai":
        return entire(whole({"data": data, "usage": {"cost_in_usd_ticks": 700_000_000 * count}}), scenario)
    return entire(whole({"created": here.now_s, **more, "data": data, "usage": usage}), scenario)


def _stream(scenario: Scenario, here: Here, name: str, more: Obj, counts: tuple[int, int], usage: Obj) -> Answered:
    made = {"b64_json": PIXEL, "created_at": here.now_s, **more}
    frames = [_frame(f"{name}.partial_image", {**made, "partial_image_index": at}) for at in range(counts[1])]
    frames += [_frame(f"{name}.completed", {**made, "usage": usage}) for _ in range(counts[0])]
    error = openai_errors.refuse(here.vendor, Refused("stream-error")).body
    return streamed(frames, scenario, lambda _: [event(error, "error")])


def _frame(kind: str, said: Obj) -> bytes:
    return event(encoded({"type": kind, **said}), kind)


def _usage(text: int, shown: int, count: int) -> Obj:
    made = PICTURE_TOKENS * count
    return {
        "input_tokens": text + shown,
        "input_tokens_details": {"image_tokens": shown, "text_tokens": text},
        "output_tokens": made,
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
        "total_tokens": text + shown + made,
    }
