"""Each safeguard of the two doors switched off, and what it stops then happens: the tests beside this file can fail."""

from __future__ import annotations

import pytest

from poise.edge import passing, passing_path
from poise.edge.http.reply import Reply
from poise.edge.http.tcp import Tcp
from poise.edge.passing import Passing
from poise.path import crossing
from poise.path.crossing import Crossing
from poise.wire import images, interpret, multipart
from poise.wire.multipart import Field
from tests.attack.rig import UPSTREAM_KEY, on_loop, rig
from tests.attack.upstream import chunk
from tests.images.served import pictures
from tests.images.test_door import BROKEN, draw, form, part, post_form
from tests.passing.served import NONE, answer, bodiless, call, one, raw, served
from tests.passing.test_attacks import BEYOND, STOLEN, by_narrow
from tests.passing.test_through import CHUNKED

Patch = pytest.MonkeyPatch


@on_loop
async def test_without_the_look_at_paths_a_call_leaves_the_providers_base(monkeypatch: Patch) -> None:
    """The provider is asked for ``/v1/../x``."""
    monkeypatch.setattr(passing_path, "checked", lambda *_: None)
    async with served() as it:
        _, seen = await one(it, call(b"GET", b"/passthrough/up/../x"))

        assert seen is not None
        assert b"GET /v1/../x HTTP/1.1" == seen.line


@on_loop
async def test_without_the_list_of_headers_the_callers_keys_go_on(monkeypatch: Patch) -> None:
    """Cookies and keys of other vendors."""
    monkeypatch.setattr(passing, "_goes", lambda name: name not in (b"host", b"content-length", b"authorization"))
    async with served() as it:
        await one(it, call(b"POST", b"/passthrough/up/x", b"{}", STOLEN))

        assert b"stolen" in it.upstream.raw


@on_loop
async def test_without_the_look_at_the_query_a_key_goes_on(monkeypatch: Patch) -> None:
    """As Gemini's clients send theirs."""
    monkeypatch.setattr(passing_path, "_is_key", lambda _: False)
    async with served() as it:
        _, seen = await one(it, call(b"GET", b"/passthrough/up/x?key=stolen"))

        assert seen is not None
        assert b"stolen" in seen.line


@on_loop
async def test_without_the_grant_any_key_reaches_any_provider(monkeypatch: Patch) -> None:
    """Also one that may use a single workflow."""
    monkeypatch.setattr(Passing, "screen", lambda *_: b"")
    async with served() as it:
        told, _ = await one(it, call(b"GET", b"/passthrough/claude/x", key=NONE))

        assert 200 == told.status


@pytest.mark.parametrize("where", ["in JSON", "twice in JSON", "in a form", "in the path", "in the query"])
@on_loop
async def test_without_the_look_at_models_a_bound_key_names_any(monkeypatch: Patch, where: str) -> None:
    """Passing through would be a way around the key's scope."""
    monkeypatch.setattr(passing, "_model", lambda *_: "")
    async with served() as it:
        assert 200 == (await by_narrow(it, *BEYOND[where])).status


@on_loop
async def test_without_blotting_an_echo_shows_the_providers_key(monkeypatch: Patch) -> None:
    """To whoever called."""
    monkeypatch.setattr(Crossing, "_blotted", lambda _, data: data)
    async with served() as it:
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x"), answer(UPSTREAM_KEY.encode()))

        assert UPSTREAM_KEY.encode() == told.body


@on_loop
async def test_without_the_list_of_drops_the_providers_session_goes_on(monkeypatch: Patch) -> None:
    """A cookie of our account."""
    monkeypatch.setattr(crossing, "DROPPED", frozenset({b"content-length"}))
    async with served() as it:
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x"), answer(b"", b"set-cookie: s=1\r\n"))

        assert b"s=1" == told.headers[b"set-cookie"]


@on_loop
async def test_without_breaking_off_a_cut_answer_looks_complete(monkeypatch: Patch) -> None:
    """Its chunks end in good order."""
    monkeypatch.setattr(Reply, "break_off", lambda reply: reply.finish())
    async with served() as it:
        it.upstream.script = raw(CHUNKED + chunk(b"data: 1\n\n"))
        wire = await it.connect()
        await wire.send(call(b"GET", b"/passthrough/up/x"))
        await wire.until(b"data: 1")
        it.upstream.sockets[0].close()
        told = await wire.answer()

        assert (True, b"data: 1\n\n") == (told.complete, told.body)


@on_loop
async def test_without_the_reset_an_answer_without_length_looks_complete(monkeypatch: Patch) -> None:
    """To a client of HTTP/1.0 the end of the connection is the end of the answer."""
    monkeypatch.setattr(Tcp, "harden", lambda _: None)
    async with served() as it:
        it.upstream.script = raw(CHUNKED + chunk(b"data: 1\n\n"))
        wire = await it.connect()
        await wire.send(call(b"GET", b"/passthrough/up/x").replace(b"HTTP/1.1", b"HTTP/1.0"))
        await wire.until(b"data: 1")
        it.upstream.sockets[0].close()
        await bodiless(wire)

        assert not wire.reset_by_peer


@on_loop
async def test_without_its_bound_a_figure_loses_the_outcome(monkeypatch: Patch) -> None:
    """No record can hold it, so there is none."""
    monkeypatch.setattr(interpret, "MAX_TOKENS", 10**40)
    async with served(hold=False) as it:
        await one(it, call(b"GET", b"/passthrough/up/x"), answer(b'{"usage":{"prompt_tokens":%d}}' % 10**30))

        assert [] == it.records.endings


@on_loop
async def test_without_the_look_for_duplicates_a_form_has_two_models(monkeypatch: Patch) -> None:
    """We decide by the last, an upstream may serve the first."""
    read = multipart.fields_of

    def last_of_each(body: bytes, boundary: bytes) -> list[Field]:
        return list({field.name: field for field in read(body, boundary)}.values())

    monkeypatch.setattr(images, "fields_of_form", last_of_each)
    async with rig(serve=pictures) as it:
        draw(it)
        told = await it.ask(post_form(form(b"gpt-5.2", part(b"model", b"draw"))))

        assert 200 == told.status
        assert b"\r\n\r\ngpt-5.2\r\n" in it.upstream.seen[-1].body


@on_loop
async def test_without_strict_parameters_an_escape_hides_a_name(monkeypatch: Patch) -> None:
    """Two readers of one line see two names."""
    loose = multipart._parameters  # noqa: SLF001 - the safeguard itself
    monkeypatch.setattr(multipart, "_parameters", lambda text: loose(text.replace(b"\\", b"")) or {b"name": b"x"})
    async with rig(serve=pictures) as it:
        draw(it)

        assert 200 == (await it.ask(post_form(BROKEN["an escape in a name"]))).status
