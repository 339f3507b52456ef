"""The ``openai`` SDK's images: generate and edit, whole and streamed, sync and async, and its typed errors."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest

from poise.sim.emulate.surfaces_images import PIXEL
from tests.sdk.speaking import WAYS, Clients

PICTURE = base64.b64decode(PIXEL)
DRAWERS = ("openai", "azure", "xai")
EDITORS = ("openai", "azure")


def call(clients: Clients, way: str, method: str, **fields: object) -> list[Any]:
    """The events of a streamed answer, or the whole answer as a list of one."""
    if not way.startswith("async"):
        made: Any = getattr(clients.openai.images, method)(**fields)
        return list(made) if fields.get("stream") else [made]

    async def run() -> list[Any]:
        made: Any = await getattr(clients.async_openai.images, method)(**fields)
        return [event async for event in made] if fields.get("stream") else [made]

    return clients.runner.run(run())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", DRAWERS)
def test_pictures_are_made(clients: Clients, vendor: str, way: str) -> None:
    """Partial pictures first where the answer is streamed, then the picture."""
    streams = way.endswith("stream")
    more: dict[str, Any] = {"stream": True, "partial_images": 2} if streams else {"n": 2}
    made = call(clients, way, "generate", model=f"at-{vendor}", prompt="a circle", **more)
    bodies = [row["body"] for row in clients.doors.arrived(vendor)]

    assert "emulate-plain" == bodies[-1]["model"]
    if streams:
        kinds = ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
        assert kinds == [event.type for event in made]
        assert {PIXEL} == {event.b64_json for event in made}
    else:
        assert [PIXEL, PIXEL] == [one.b64_json for one in made[0].data]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", EDITORS)
def test_pictures_are_edited(clients: Clients, vendor: str, way: str) -> None:
    """Files go as a form; the vendor reads the same files and fields, and its own name of the model."""
    clients.doors.arrived(vendor)
    streams = way.endswith("stream")
    more: dict[str, Any] = {"stream": True, "partial_images": 1} if streams else {}
    files = [("a.png", PICTURE, "image/png"), ("b.png", PICTURE, "image/png")]
    made = call(clients, way, "edit", model=f"at-{vendor}", prompt="greener", image=files, **more)
    sent = clients.doors.arrived(vendor)[-1]["body"]

    assert ["image[]", "image[]"] == sent["_files"]
    assert ("emulate-plain", "greener") == (sent["_form"]["model"], sent["_form"]["prompt"])
    if streams:
        assert ["image_edit.partial_image", "image_edit.completed"] == [event.type for event in made]
        assert 20 == made[-1].usage.input_tokens_details.image_tokens
    else:
        assert (PIXEL, 20) == (made[0].data[0].b64_json, made[0].usage.input_tokens_details.image_tokens)


def test_a_form_where_the_vendor_takes_none_is_refused(clients: Clients) -> None:
    """XAI's edits are JSON: the SDK's form cannot be served, and is not sent to be refused there."""
    with pytest.raises(openai.BadRequestError, match="dialect"):
        call(clients, "sync", "edit", model="at-xai", prompt="p", image=("a.png", PICTURE, "image/png"))

    assert [] == clients.doors.arrived("xai")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("say:rate", openai.RateLimitError),
        ("say:error-400", openai.BadRequestError),
        ("say:error-422", openai.UnprocessableEntityError),
        ("say:error-500", openai.InternalServerError),
        ("say:stream-error-first", openai.InternalServerError),
    ],
)
def test_errors_are_the_sdks_own(clients: Clients, way: str, prompt: str, kind: type[Exception]) -> None:
    """Before anything was streamed every error has its status."""
    more: dict[str, Any] = {"stream": True} if way.endswith("stream") else {}
    with pytest.raises(kind):
        call(clients, way, "generate", model="at-openai", prompt=prompt, **more)


@pytest.mark.parametrize("prompt", ["say:stream-error", "say:cut"])
def test_a_stream_that_breaks_raises(clients: Clients, prompt: str) -> None:
    """An error inside the stream."""
    with pytest.raises(openai.APIError):
        call(clients, "sync", "generate", model="at-openai", prompt=prompt, stream=True, partial_images=3)
