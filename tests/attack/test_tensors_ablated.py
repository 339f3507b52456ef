"""Each safeguard around tensors switched off, and what it stops then happens: the tests beside this file can fail."""

from __future__ import annotations

import re

import pytest

from poise.edge import tensors as tensors_module
from poise.errors import Failure
from poise.wire.oip import answer as answer_module
from poise.wire.oip import failure as failure_module
from poise.wire.oip import request as request_module
from tests.attack.rig import on_loop, rig
from tests.attack.tensors import GOOD, HEADER, answers, infer, sized, well, with_tensors
from tests.attack.test_tensors import always, by_path, ready
from tests.attack.wire import get, post

Patch = pytest.MonkeyPatch


@on_loop
async def test_without_the_look_at_the_length_the_server_is_told_a_wrong_one(monkeypatch: Patch) -> None:
    """More JSON than there is body: what it then reads is its own affair."""
    monkeypatch.setattr(tensors_module, "json_bytes_of", lambda *_: -1)
    async with rig(made=with_tensors) as it:
        it.upstream.script = well

        assert 200 == (await it.ask(infer(head=sized(b"9" * 18)))).status
        assert b"9" * 18 == dict(it.upstream.seen[-1].headers)[HEADER]


@on_loop
async def test_without_the_look_at_the_version_a_caller_writes_the_head(monkeypatch: Patch) -> None:
    """A line of its own reaches the server, with the provider's key beside it."""
    monkeypatch.setattr(request_module, "_VERSION", re.compile("(?s).*"))
    async with rig(made=with_tensors, hold=False) as it:
        it.upstream.script = well
        await it.ask(post(GOOD, path=b"/v2/models/calc/versions/1%20HTTP%2f1.1%0d%0ax-evil:%201%0d%0ay:%20/infer"))

        assert (b"x-evil", b"1") in it.upstream.seen[-1].headers


@on_loop
async def test_without_the_look_at_its_fields_any_object_is_a_call(monkeypatch: Patch) -> None:
    """A server is asked with inputs that are no list."""
    monkeypatch.setattr(request_module, "_FIRST", {})
    async with rig(made=with_tensors) as it:
        it.upstream.script = well

        assert 200 == (await it.ask(infer(b'{"inputs":"all of them"}'))).status


@on_loop
async def test_without_surfaces_of_its_own_chat_goes_to_a_server_of_tensors() -> None:
    """And fails inside the gateway, for nobody can translate it."""
    async with rig(made=with_tensors, hold=False) as it:
        (option,) = it.plane._front._routes["calc"].prepared.options  # noqa: SLF001 - the safeguard
        option.surfaces = frozenset({"chat", "infer"})
        asked = await it.ask(post(b'{"model":"calc","messages":[{"role":"user","content":"x"}]}'))

        assert (500, "internal") == (asked.status, asked.code)


@on_loop
async def test_without_the_check_of_answers_a_login_page_is_one(monkeypatch: Patch) -> None:
    """The client gets it, with a 200."""
    monkeypatch.setattr(answer_module, "read_infer", lambda *_: "")
    async with rig(made=with_tensors) as it:
        it.upstream.script = always(answers(b"<html>login</html>"))

        assert b"<html>login</html>" == (await it.ask(infer(model=b"pair"))).body


@on_loop
async def test_without_the_look_at_health_a_dead_target_is_ready(monkeypatch: Patch) -> None:
    monkeypatch.setattr(tensors_module, "healthy", lambda lanes, _: bool(lanes))
    async with rig(made=with_tensors, hold=False) as it:
        it.upstream.script = by_path(firstup=answers(b"{}", status=500), secondup=answers())
        for _ in range(40):
            await it.ask(infer())

        assert 200 == (await ready(it))["calc"]


@on_loop
async def test_with_more_probes_a_stranger_learns_what_models_there_are(monkeypatch: Patch) -> None:
    """404 for some names and another answer for others, without a key."""
    monkeypatch.setattr(tensors_module, "PROBES", frozenset({"live", "server-ready", "ready"}))
    monkeypatch.setattr(tensors_module, "ANYBODY", tensors_module.ANYBODY.__class__("", {"calc": 1}))
    async with rig(made=with_tensors) as it:
        assert 200 == (await it.ask(get(b"/v2/models/calc/ready", auth=b""))).status


def test_with_words_found_anywhere_a_caller_takes_a_target_out(monkeypatch: Patch) -> None:
    """An input of such a name, quoted in a 400, would count against the server."""
    quoted = b"{\"error\":\"unexpected inference input 'Model x is not ready yet.' for model 'm'\"}"
    careful = failure_module.read(400, {}, quoted).failure

    class Anywhere:
        match = staticmethod(re.compile("is not ready yet").search)

    monkeypatch.setattr(failure_module, "_LOADING", Anywhere)

    assert Failure.BAD_REQUEST is careful
    assert Failure.OVERLOAD is failure_module.read(400, {}, quoted).failure
