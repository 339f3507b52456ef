"""Each safeguard taken away: the bad thing happens, so the tests of the others can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import openai
import pytest
from google.genai import errors, types

from poise.edge.admin import hub
from poise.edge.http import server
from poise.path import gone, pins
from poise.path.fleet import Lane
from poise.store import pins as stored
from poise.wire import pins_made, pins_read
from tests.pins.house import NARROW_KEY, House, house, on_loop


async def _made_by_b(it: House) -> str:
    it.makers["a"].status = 503
    made = await it.openai().responses.create(model="work", input="go")
    it.makers["a"].status = 0
    return made.id


async def _lost(it: House, worker: int, made: str) -> None:
    """The request reaches the provider that did not make it, which refuses it."""
    with pytest.raises(openai.BadRequestError) as caught:
        await it.openai(worker).responses.create(model="work", input="on", previous_response_id=made)

    assert "not found" in caught.value.message


@on_loop
async def test_without_learning_it_goes_to_who_did_not_make_it() -> None:
    with patch.object(pins.PinBook, "learn", lambda *_: None):
        async with house(a="openai", b="openai") as it:
            await _lost(it, 0, await _made_by_b(it))


@on_loop
async def test_without_reading_it_goes_to_who_did_not_make_it() -> None:
    with patch.dict(pins_read.READERS, {"responses": lambda *_: iter(())}):
        async with house(a="openai", b="openai") as it:
            await _lost(it, 0, await _made_by_b(it))


@on_loop
async def test_without_telling_another_worker_does_not_know() -> None:
    with patch.object(hub.Hub, "hear_pins", lambda *_: None):
        async with house(2, a="openai", b="openai") as it:
            await _lost(it, 1, await _made_by_b(it))


@on_loop
async def test_without_the_store_a_restart_forgets() -> None:
    with patch.object(stored, "put", lambda *_: None):
        async with house(a="openai", b="openai") as it:
            made = await _made_by_b(it)
            await it.down()
            await it.up()
            await _lost(it, 0, made)


@on_loop
async def test_without_one_alphabet_a_seal_is_not_known_again() -> None:
    """Google's client writes what it was sent in the other alphabet: it is a seal that nobody remembers."""

    def as_it_is(value: str) -> str:
        return value

    with patch.object(pins_read, "sealed", as_it_is), patch.object(pins_made, "sealed", as_it_is):
        async with house(a="gemini", b="gemini") as it:
            models = it.gemini().aio.models
            it.makers["a"].status = 503
            first = await models.generate_content(model="work", contents="go")
            it.makers["a"].status = 0
            assert first.candidates is not None
            history: Any = [types.Part(text="go"), first.candidates[0].content, types.Part(text="on")]
            with pytest.raises(errors.ClientError) as caught:
                await models.generate_content(model="work", contents=history)

            assert "not found" in str(caught.value.message)


@on_loop
async def test_without_the_look_at_its_scope_a_stranger_learns_who_made_it() -> None:
    def blind(plan: object, pin: object) -> str:
        return f"{pin.what} names what {pin.maker} made"  # type: ignore[attr-defined]  # a Pin

    with patch.object(gone, "_said", blind):
        async with house(a="openai", b="openai") as it:
            made = await _made_by_b(it)
            with pytest.raises(openai.ConflictError) as caught:
                await it.openai(key=NARROW_KEY).responses.create(model="work", input="on", previous_response_id=made)

            assert "m@b" in caught.value.message


@contextmanager
def _no_header() -> Iterator[None]:
    own = server.Server.show

    def shown(self: server.Server, error: openai.OpenAIError, *rest: object) -> None:
        if getattr(error, "code", "") == "pin_unavailable":
            error.code = "no_candidate"  # type: ignore[attr-defined]  # ours
        own(self, error, *rest)  # type: ignore[arg-type]  # passed on

    with patch.object(server.Server, "show", shown):
        yield


@on_loop
async def test_without_the_header_the_client_tries_what_cannot_work_again() -> None:
    with _no_header():
        async with house(a="openai", b="openai") as it:
            made = await _made_by_b(it)
            client = it.openai(key=NARROW_KEY)
            with pytest.raises(openai.ConflictError):
                await client.responses.create(model="work", input="on", previous_response_id=made)

            assert 3 == it.count("no_candidate")


def test_without_the_bound_the_book_grows(lane: Lane) -> None:
    book = pins.PinBook(b"k", most=1 << 30)
    for number in range(pins.MAX_KEPT + 10):
        book.learn("response", str(number), lane)

    assert pins.MAX_KEPT + 10 == len(book)


@on_loop
async def test_without_looking_a_lone_target_answers_out_of_nothing() -> None:
    """It is asked the last turn alone."""
    with patch.object(pins, "_continue_all", lambda _: True):
        async with house(a="anthropic") as it:
            said = await it.openai().responses.create(model="work", input="on", previous_response_id="resp_x")

            assert "by a" == said.output_text
            assert 1 == len(it.makers["a"].asked)
