"""The images door on real sockets: which candidates may serve it, what the upstream is sent, what it costs."""

from __future__ import annotations

import json
from functools import partial

import pytest

from poise.decision import decode_decision
from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import Seen, UpstreamSocket, chunk, whole
from tests.attack.wire import AUTH, HOST, Answer, post
from tests.images.served import pictures

MADE = (
    b'{"created":1,"data":[{"b64_json":"aGk="}],"usage":{"input_tokens":60,"output_tokens":100,"total_tokens":160,'
    b'"input_tokens_details":{"text_tokens":10,"image_tokens":50}}}'
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PARTIAL = (
    b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"aGk="}\n\n'
)
DONE = (
    b'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"aGk=","usage":'
    b'{"input_tokens":10,"output_tokens":100}}\n\n'
)
BOUNDARY = b"plain-boundary-1"


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    """One part of a form."""
    head = b'Content-Disposition: form-data; name="%b"%b\r\n\r\n' % (name, more)
    return b"--%b\r\n%b%b\r\n" % (BOUNDARY, head, value)


def form(model: bytes = b"draw", *more: bytes) -> bytes:
    """A form that asks for an edit; the picture holds line ends and dashes."""
    picture = part(b"image", b"\x89PNG\r\n--\r\n\x00\xff--plain\r\n", b'; filename="a.png"\r\nContent-Type: image/png')
    return part(b"prompt", b"greener") + part(b"model", model) + picture + b"".join(more) + b"--%b--\r\n" % BOUNDARY


def post_form(body: bytes, kind: bytes = b"multipart/form-data; boundary=" + BOUNDARY) -> bytes:
    """The form as a request."""
    lines = HOST + AUTH + b"content-type: %b\r\ncontent-length: %d\r\n" % (kind, len(body))
    return b"POST /v1/images/edits HTTP/1.1\r\n%b\r\n%b" % (lines, body)


def draw(it: Rig, answer: bytes = MADE) -> None:
    """From now on the upstream answers so."""

    def script(sock: UpstreamSocket, seen: Seen) -> None:
        sock.write(whole(answer))

    it.upstream.script = script


async def generated(it: Rig, **fields: object) -> Answer:
    """One call of the generations door."""
    body = {"model": "draw", "prompt": "a circle"} | fields
    return await it.ask(post(json.dumps(body).encode(), path=b"/v1/images/generations"))


served = partial(rig, serve=pictures)


@on_loop
async def test_a_generation_passes_and_is_counted_by_kind() -> None:
    """Bytes of the answer as they came; text, pictures read and pictures made each at its own price."""
    async with served() as it:
        draw(it)
        answer = await generated(it, size="1024x1024", x={"kept": [1, 2]})
        seen = it.upstream.seen[-1]
        attempt = next(iter(it.records.outcomes.values())).attempts[0]

        assert (200, MADE) == (answer.status, answer.body)
        assert b"POST /v1/images/generations HTTP/1.1" == seen.line
        assert 'painter/by"quote' == json.loads(seen.body)["model"]
        assert {"kept": [1, 2]} == json.loads(seen.body)["x"]
        assert (60, 100) == (attempt.input_tokens, attempt.output_tokens)
        assert 10 * 5 + 50 * 10 + 100 * 40 == attempt.cost_usd_e6


@on_loop
async def test_only_the_models_bytes_of_a_form_change() -> None:
    """Whatever else stands in the form is what the caller sent, byte for byte, under the caller's own boundary."""
    async with served() as it:
        draw(it)
        answer = await it.ask(post_form(form()))
        seen = it.upstream.seen[-1]
        kinds = [value for name, value in seen.headers if name == b"content-type"]

        assert 200 == answer.status
        assert form(b'painter/by"quote') == seen.body
        assert [b"multipart/form-data; boundary=" + BOUNDARY] == kinds


@on_loop
async def test_a_form_may_stream() -> None:
    """``stream`` is a field of it."""

    def script(sock: UpstreamSocket, seen: Seen) -> None:
        sock.write(STREAM_HEAD + chunk(PARTIAL) + chunk(DONE) + b"0\r\n\r\n")

    async with served() as it:
        it.upstream.script = script
        answer = await it.ask(post_form(form(b"draw", part(b"stream", b"true"))))
        decision = decode_decision(next(iter(it.records.decisions.values())))

        assert PARTIAL + DONE == answer.body
        assert (True, "image_forms") == (decision.inputs.facts.stream, decision.inputs.facts.surface)


@on_loop
async def test_json_edits_keep_their_path() -> None:
    """The same door, by the content type."""
    async with served() as it:
        draw(it)
        body = json.dumps({"model": "draw", "prompt": "p", "images": [{"image_url": "data:,x"}]}).encode()
        answer = await it.ask(post(body, path=b"/v1/images/edits"))

        assert 200 == answer.status
        assert b"POST /v1/images/edits HTTP/1.1" == it.upstream.seen[-1].line


@on_loop
async def test_models_that_only_chat_are_dropped_with_the_reason() -> None:
    """``modality`` where the vendor has the API and the model does not draw, ``dialect`` where the vendor has none."""
    async with served() as it:
        draw(it)
        answer = await generated(it, model="mixed")
        decision = decode_decision(next(iter(it.records.decisions.values())))
        refused = await generated(it, model="talk")

        assert b"painter@up" == answer.headers[b"x-poise-target"]
        assert ["modality", "dialect"] == [str(row.reason) for row in decision.verdict.dropped]
        assert (400, "invalid_field") == (refused.status, refused.code)


@on_loop
async def test_what_the_catalogue_does_not_know_may_draw() -> None:
    """Unknown never drops a candidate, and gpt-image-1 is known to."""
    async with served() as it:
        draw(it)

        assert 200 == (await generated(it, model="m")).status
        assert 200 == (await generated(it, model="gpt-image-1")).status


@on_loop
async def test_a_stream_with_a_large_picture_is_passed() -> None:
    """Three mebibytes in one event: more than any other stream may send in one."""
    picture = b'data: {"type":"image_generation.partial_image","b64_json":"%b"}\n\n' % (b"A" * (3 << 20))

    def script(sock: UpstreamSocket, seen: Seen) -> None:
        sock.write(STREAM_HEAD + chunk(picture) + chunk(DONE) + b"0\r\n\r\n")

    async with served() as it:
        it.upstream.script = script
        answer = await generated(it, stream=True, partial_images=1)

        assert picture + DONE == answer.body


@pytest.mark.parametrize("end", [b"", b'data: {"type":"error","error":{"message":"no more","code":"x"}}\n\n' + DONE])
@on_loop
async def test_a_stream_that_breaks_never_looks_complete(end: bytes) -> None:
    """Neither where it is cut nor where the vendor tells an error in it."""

    def script(sock: UpstreamSocket, seen: Seen) -> None:
        sock.write(STREAM_HEAD + chunk(PARTIAL) + (chunk(end) if end else b"") + b"0\r\n\r\n")

    async with served() as it:
        it.upstream.script = script
        answer = await generated(it, stream=True)

        assert b"image_generation.completed" not in answer.body
        assert "stream_broken" == json.loads(answer.body.split(b"data: ")[-1])["error"]["code"]


LONG = part(b"x", b"", b"; a=" + b"b" * 9000)
FILE = part(b"model", b"draw", b'; filename="m"')
BROKEN = {
    "no first boundary": form()[2:],
    "no last boundary": form()[: -len(BOUNDARY) - 6],
    "something behind the last": form() + b"x",
    "something before the first": b"hello\r\n" + form(),
    "model twice": form(b"draw", part(b"model", b"talk")),
    "model twice, the second as a file": form(b"draw", FILE),
    "no model": form().replace(b'"model"', b'"modal"'),
    "no prompt": form().replace(b'"prompt"', b'"prompd"'),
    "a boundary behind a bare line feed": form(b"draw\n--%b\nx" % BOUNDARY),
    "a boundary that goes on": form(b"draw\r\n--%bmore\r\nx" % BOUNDARY),
    "a folded header": form(b"draw", part(b"x", b"y", b";\r\n name=model")),
    "an escape in a name": form(b"draw", part(b'x\\"', b"y")),
    "two names": form(b"draw", part(b'x"; name="model', b"y")),
    "an extended name": form(b"draw", part(b'x"; name*="model', b"y")),
    "encoded once more": form(b"draw", part(b"x", b"eA==", b"\r\nContent-Transfer-Encoding: base64")),
    "no form-data": form().replace(b'form-data; name="prompt"', b'attachment; name="prompt"'),
    "a header without end": form(b"draw", LONG),
    "a control character in the model": form(b"draw\x00"),
    "a model of several lines": form(b"draw\r\nx"),
    "a model that is no UTF-8": form(b"\xff"),
    "a model in UTF-16": form().replace(b'name="model"', b'name="model"\r\nContent-Type: text/plain; charset=utf-16'),
    "a model without end": form(b"d" * 10_000),
    "neither true nor false": form(b"draw", part(b"stream", b"1")),
    "too many parts": form(b"draw", *(part(b"x%d" % at, b"") for at in range(300))),
    "nothing": b"",
}


@pytest.mark.parametrize("what", BROKEN)
@on_loop
async def test_a_form_that_two_readers_could_read_in_two_ways_is_refused(what: str) -> None:
    """With a 400 that says what is wrong, before anybody is called."""
    async with served() as it:
        answer = await it.ask(post_form(BROKEN[what]))

        assert 400 == answer.status, answer
        assert answer.code in ("invalid_field", "duplicate_field")
        assert [] == it.upstream.seen


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data",
        b"multipart/mixed; boundary=x",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=a; boundary=" + BOUNDARY,
        b'multipart/form-data; boundary="a\\"b"',
        b"multipart/form-data; boundary=" + b"x" * 71,
    ],
)
@on_loop
async def test_a_content_type_without_one_plain_boundary_is_refused(kind: bytes) -> None:
    """Ours and the upstream's reader must cut at the same place."""
    async with served() as it:
        answer = await it.ask(post_form(form(), kind))

        assert (400, "invalid_field") == (answer.status, answer.code)
