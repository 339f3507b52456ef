"""What is made by a call that is passed through lives at its provider: requests that name it later go there."""

from __future__ import annotations

import json

import pytest

from poise.decision import Maker
from poise.wire.metered import MAX_MADE_BYTES, made_of
from tests.attack.rig import Rig, on_loop
from tests.passing.served import answer, call, one, served

UPLOADED = b'{"id":"file-1","object":"file","bytes":3,"filename":"a","purpose":"user_data"}'


@pytest.mark.parametrize(
    ("told", "made"),
    [
        (UPLOADED, ("file", "file-1")),
        (b'{"type":"file","id":"file_011","filename":"a.pdf"}', ("file", "file_011")),
        (b'{"id":"vs_1","object":"vector_store"}', ("vector_store", "vs_1")),
        (b'{"id":"cntr_1","object":"container"}', ("container", "cntr_1")),
        (b'{"id":"conv_1","object":"conversation"}', ("conversation", "conv_1")),
        (b'{"file":{"name":"files/abc","uri":"https://g/v1beta/files/abc"}}', ("file", "files/abc")),
        (b'{"name":"cachedContents/xyz","model":"models/g"}', ("cached_content", "cachedContents/xyz")),
        (b'{"name":"projects/p/locations/l/cachedContents/9"}', ("cached_content", "cachedContents/9")),
        (b'{"id":"x","object":"batch"}', None),
        (b'{"id":7,"object":"file"}', None),
        (b'{"id":"' + b"x" * 600 + b'","object":"file"}', None),
        (b'{"object":"list","data":[]}', None),
        (b'{"object":{"a":1},"id":"file-1"}', None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_made(told: bytes, made: tuple[str, str] | None) -> None:
    assert made == made_of(told)


async def _maker(it: Rig, status: int, body: bytes) -> Maker | None:
    request = call(b"POST", b"/passthrough/up/v1/files", b"abc", kind=b"application/octet-stream")
    got, _ = await one(it, request, answer(body, status=status))
    assert status == got.status
    pins = it.plane.pins
    return pins.maker(pins.digest("file", "file-1"))


@on_loop
async def test_an_uploaded_file_is_remembered_with_its_provider() -> None:
    """By the time the client has the answer."""
    async with served() as it:
        maker = await _maker(it, 200, UPLOADED)

        assert maker is not None
        assert "up" == maker.provider


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, UPLOADED), (200, UPLOADED[:-1] + b',"pad":' + json.dumps("x" * MAX_MADE_BYTES).encode() + b"}")],
    ids=["refused", "long"],
)
@on_loop
async def test_what_was_refused_or_is_too_long_is_not(status: int, body: bytes) -> None:
    async with served() as it:
        assert await _maker(it, status, body) is None
