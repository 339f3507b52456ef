"""What an honest client gets, so that the refusals beside it mean something."""

from __future__ import annotations

from tests.attack.rig import on_loop, rig
from tests.attack.wire import PROMPT, chat, get, post


@on_loop
async def test_good_request_is_served_and_recorded() -> None:
    """Whole and streamed, one after the other on one connection; each has one decision and one outcome."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(post(chat()))
        whole = await wire.answer()
        await wire.send(post(chat(stream=True)))
        streamed = await wire.answer()
        wire.close()

        assert f"echo {PROMPT}" == whole.text
        assert b"[DONE]" == streamed.events[-1]
        assert ["completed", "completed"] == it.records.endings
        assert 2 == len(it.upstream.seen)


@on_loop
async def test_models_are_listed() -> None:
    """A key sees what it may use."""
    async with rig() as it:
        answer = await it.ask(get())

        assert 200 == answer.status
        assert b'"id":"support"' in answer.body
