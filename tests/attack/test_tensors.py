"""Tensors through a running plane: every byte arrives, and nothing that a path or header says reaches another server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attack.rig import Rig, on_loop, rig
from tests.attack.tensors import ANSWER, GOOD, HEADER, answers, infer, sized, well, with_tensors
from tests.attack.upstream import Script, Seen, UpstreamSocket
from tests.attack.wire import HOST, Answer, get, post

LENGTHS = {
    "negative": b"-1",
    "one beyond": b"%d" % (len(GOOD) + 1),
    "huge": b"9" * 18,
    "beyond any number": b"9" * 5_000,
    "empty": b"",
    "sign": b"+5",
    "hexadecimal": b"0x10",
    "exponent": b"1e2",
    "fraction": b"5.0",
    "a list": b"5, 5",
    "space within": b"1 0",
    "word": b"all",
    "superscript": b"\xb2",
    "null": b"null",
}
VERSIONS = {
    "traversal": b"..%2f..%2frepository%2findex",
    "dots": b"..",
    "slash": b"1%2f2",
    "a line of its own": b"1%20HTTP%2f1.1%0d%0ax-evil:%201%0d%0a%0d%0a",
    "null byte": b"1%00",
    "query": b"1%3fa=b",
    "not ASCII": b"%ef%bc%91",
    "not UTF-8": b"%ff",
    "long": b"1" * 65,
    "leading dash": b"-1",
}
NAMES = {
    "encoded slash": b"calc%2finfer",
    "traversal": b"..%2f..%2fv2%2fmodels%2fcalc",
    "dots": b"..",
    "null byte": b"calc%00",
    "line break": b"calc%0d%0ax-evil:%201",
    "twice encoded": b"%2563alc",
    "upper case": b"CALC",
    "not UTF-8": b"%ff%fe",
    "script": b"%3Cscript%3E",
}
PATHS = [
    b"/v2/models",
    b"/v2/models/",
    b"/v2/models//infer",
    b"/v2/models/calc/infer/",
    b"/v2/models/calc/generate_stream",
    b"/v2/models/calc/versions//infer",
    b"/v2/models/calc/versions/1/2/infer",
    b"/v2/models/calc/../calc/infer",
    b"/v2//health/live",
    b"/v2x",
    b"/V2/models/calc/infer",
    b"/v2/repository/index",
]


def by_path(**scripts: bytes) -> Script:
    """Answer a model's call by the name that it has upstream, its dash left out."""

    def answer(sock: UpstreamSocket, seen: Seen) -> None:
        model = seen.line.split(b"/")[3].split(b" ")[0].decode().replace("-", "")
        sock.write(scripts[model])

    return answer


def always(data: bytes) -> Script:
    """One answer, whatever comes."""

    def answer(sock: UpstreamSocket, seen: Seen) -> None:
        sock.write(data)

    return answer


async def refused(it: Rig, request: bytes, status: int) -> dict[str, Any]:
    """The error of a request that no server was asked for."""
    before = len(it.upstream.seen)
    answer = await it.ask(request)
    error: dict[str, Any] = json.loads(answer.body)

    assert status == answer.status, answer
    assert before == len(it.upstream.seen)
    assert {"error", "code", "decision"} == set(error)
    return error


@pytest.mark.parametrize("name", LENGTHS)
@on_loop
async def test_a_length_that_is_none_is_refused(name: str) -> None:
    """400, before anything is sent; the bad value is shown, but not all of it."""
    async with rig(made=with_tensors) as it:
        error = await refused(it, infer(head=sized(LENGTHS[name])), 400)

        assert "bad_header" == error["code"]
        assert len(error["error"]) < 300


@on_loop
async def test_a_length_that_stands_twice_is_refused() -> None:
    """Two readers could take either."""
    async with rig(made=with_tensors) as it:
        error = await refused(it, infer(head=sized(len(GOOD)) * 2), 400)

        assert "bad_header" == error["code"]


@pytest.mark.parametrize("name", VERSIONS)
@on_loop
async def test_a_version_is_letters_and_digits(name: str) -> None:
    """All else would be part of a path, or of a head, at the server; at every door that takes one."""
    async with rig(made=with_tensors) as it:
        path = b"/v2/models/calc/versions/" + VERSIONS[name]

        assert "invalid_field" == (await refused(it, post(GOOD, path=path + b"/infer"), 400))["code"]
        assert "invalid_field" == (await refused(it, get(path), 400))["code"]


@pytest.mark.parametrize("name", NAMES)
@on_loop
async def test_a_model_is_looked_up_and_never_sent(name: str) -> None:
    """A name that this key may not use is 404 with those that it may, however it is written."""
    async with rig(made=with_tensors) as it:
        for ending in (b"", b"/ready"):
            error = await refused(it, get(b"/v2/models/" + NAMES[name] + ending), 404)

            assert "unknown_model" == error["code"]
            assert "calc, meta/calc, pair, support" in error["error"]
        assert "unknown_model" == (await refused(it, infer(model=NAMES[name]), 404))["code"]


@pytest.mark.parametrize("path", PATHS)
@on_loop
async def test_a_path_without_a_door_is_404(path: bytes) -> None:
    """Streaming and the model repository among them; under /v2 the error is of this protocol's shape."""
    async with rig(made=with_tensors) as it:
        answer = await it.ask(post(GOOD, path=path))

        assert 404 == answer.status
        assert isinstance(json.loads(answer.body)["error"], str) == path.startswith(b"/v2/")
        assert [] == it.upstream.seen


@on_loop
async def test_a_name_with_a_slash_is_reached_where_the_slash_is_encoded() -> None:
    """And the server is asked for its own name of the model."""
    async with rig(made=with_tensors) as it:
        it.upstream.script = well

        assert 200 == (await it.ask(infer(model=b"meta%2Fcalc"))).status
        assert b"POST /v2/models/first-up/infer HTTP/1.1" == it.upstream.seen[-1].line


@on_loop
async def test_a_door_takes_one_method() -> None:
    async with rig(made=with_tensors) as it:
        assert "method_not_allowed" == (await refused(it, get(b"/v2/models/calc/infer"), 405))["code"]
        for path in (b"/v2", b"/v2/health/live", b"/v2/models/calc", b"/v2/models/calc/ready"):
            assert "method_not_allowed" == (await refused(it, post(GOOD, path=path), 405))["code"]


@on_loop
async def test_only_the_two_probes_of_the_server_need_no_key() -> None:
    """As at Triton, MLServer and KServe; a wrong key is no hindrance there, and buys nothing elsewhere."""
    async with rig(made=with_tensors) as it:
        for auth in (b"", b"authorization: Bearer wrong\r\n"):
            for path in (b"/v2/health/live", b"/v2/health/ready"):
                assert 200 == (await it.ask(get(path, auth=auth))).status
            for path in (b"/v2", b"/v2/models/calc", b"/v2/models/calc/ready", b"/v2/models/none"):
                assert 401 == (await it.ask(get(path, auth=auth))).status
            assert 401 == (await it.ask(post(GOOD, path=b"/v2/models/calc/infer", auth=auth))).status
        assert [] == it.upstream.seen


@on_loop
async def test_chat_never_goes_to_a_server_of_tensors_nor_tensors_to_one_of_chat() -> None:
    """400 that says so, in each caller's own shape."""
    async with rig(made=with_tensors) as it:
        chat = await it.ask(post(b'{"model":"calc","messages":[{"role":"user","content":"x"}]}'))

        assert (400, "invalid_field") == (chat.status, chat.code)
        assert "first@first: dialect" in chat.error["message"]
        assert "m@up: dialect" in (await refused(it, infer(model=b"support"), 400))["error"]
        assert "m@up: dialect" in (await refused(it, get(b"/v2/models/support"), 400))["error"]


@on_loop
async def test_a_server_that_is_overloaded_is_replaced() -> None:
    """503 at the first, an answer of the second: its name stands in it, and both attempts on the record."""
    other = ANSWER.replace(b"first", b"second")
    async with rig(made=with_tensors) as it:
        it.upstream.script = by_path(firstup=answers(b'{"error":"busy"}', status=503), secondup=answers(other))
        answer = await it.ask(infer(model=b"pair"))

        assert (200, other) == (answer.status, answer.body)
        assert b"second@second" == answer.headers[b"x-poise-target"]
        (outcome,) = it.records.outcomes.values()
        assert [("first@first", "overload"), ("second@second", "")] == [(a.target, a.failure) for a in outcome.attempts]
        assert [(0, 0, 0)] * 2 == [(a.input_tokens, a.output_tokens, a.cost_usd_e6) for a in outcome.attempts]
        assert 1 == len({seen.body for seen in it.upstream.seen})


@on_loop
async def test_ready_follows_the_health_of_the_targets() -> None:
    """Failures of one leave the pair ready and the other name not; nobody is asked for it."""
    async with rig(made=with_tensors, hold=False) as it:
        it.upstream.script = by_path(firstup=answers(b"{}", status=500), secondup=answers())
        before = await ready(it)
        for _ in range(40):
            await it.ask(infer())
        asked = len(it.upstream.seen)

        assert {"calc": 200, "pair": 200, "support": 400, "": 200} == before
        assert {"calc": 400, "pair": 200, "support": 400, "": 200} == await ready(it)
        assert asked == len(it.upstream.seen)


@on_loop
async def test_a_server_that_is_shutting_down_is_live_and_not_ready() -> None:
    """Asked on a connection that was busy then; no new one is accepted."""
    async with rig(made=with_tensors, hold=False) as it:
        wire = await it.connect()
        await wire.send(get(b"/v2/health/ready"))
        first = await wire.answer()
        it.plane._front.draining = True  # noqa: SLF001 - what drain() sets before it waits
        await wire.send(get(b"/v2/health/ready") + get(b"/v2/health/live"))

        assert 200 == first.status
        assert [(400, False), (200, True)] == [
            (answer.status, next(iter(json.loads(answer.body).values())) if answer.status == 200 else False)
            for answer in (await wire.answer(), await wire.answer())
        ]


async def ready(it: Rig) -> dict[str, int]:
    """The status of each probe; '' is the server's."""
    found = {
        name: (await it.ask(get(b"/v2/models/%b/ready" % name.encode()))).status for name in ("calc", "pair", "support")
    }
    return found | {"": (await it.ask(get(b"/v2/health/ready"))).status}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CALLS = st.builds(
    lambda inputs, more, tail, spaces: ((json.dumps(more | {"inputs": inputs}) + spaces).encode(), tail),
    st.lists(JSON, max_size=4),
    st.dictionaries(st.sampled_from(["x", "ä", "sequence"]), JSON, max_size=2),
    st.binary(max_size=300),
    st.sampled_from(["", " ", "\n\n"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(CALLS, min_size=1, max_size=8), back=st.lists(st.binary(max_size=300), min_size=8, max_size=8))
def test_every_byte_arrives_both_ways(calls: list[tuple[bytes, bytes]], back: list[bytes]) -> None:
    """Of JSON, and of whatever stands behind it; also where the head of one request is that of the last."""

    @on_loop
    async def run() -> None:
        async with rig(made=with_tensors) as it:
            wire = await it.connect()
            for (head, tail), raw in zip(calls, back, strict=False):
                said = b'{"model_name":"m","outputs":[{"name":"y"}]}'
                lines = sized(len(said)) + b"content-type: application/octet-stream\r\n"
                it.upstream.script = always(answers(said + raw, head=lines))
                await wire.send(infer(head + tail, sized(len(head))))
                answer: Answer = await wire.answer()
                seen = it.upstream.seen[-1]

                assert (200, said + raw) == (answer.status, answer.body), answer
                assert b"%d" % len(said) == answer.headers[HEADER]
                assert b"application/octet-stream" == answer.headers[b"content-type"]
                assert head + tail == seen.body
                assert b"%d" % len(head) == dict(seen.headers)[HEADER]

    run()


@on_loop
async def test_the_head_that_is_sent_on_is_ours() -> None:
    """The provider's key and the caller's content type; no key, no cookie and no query of the caller's."""
    async with rig(made=with_tensors) as it:
        it.upstream.script = well
        lines = b"cookie: secret\r\nx-api-key: other\r\n" + sized(0)
        body = b"\x00\xff" * 8
        request = post(body, lines, path=b"/v2/models/calc/versions/7/infer?a=b")
        request = request.replace(b"application/json", b"application/x-tensor")
        answer = await it.ask(request)
        seen = it.upstream.seen[-1]

        assert 200 == answer.status
        assert b"POST /v2/models/first-up/versions/7/infer HTTP/1.1" == seen.line
        names = [name for name, _ in seen.headers]
        wanted = (
            b"host user-agent accept-encoding authorization x-client-request-id content-type content-length".split()
        )
        assert sorted([*wanted, HEADER]) == sorted(names)
        assert b"application/x-tensor" == dict(seen.headers)[b"content-type"]
        assert body == seen.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"[]",
        b'{"outputs":1}',
        b'{"model_name":1,"outputs":[]}',
        b"{}",
        b'"\xff"',
        b"[" * 9000,
    ],
    ids=range(8),
)
@on_loop
async def test_what_is_no_answer_is_the_next_ones_turn(body: bytes) -> None:
    """A 200 that is not of this protocol counts against who sent it."""
    async with rig(made=with_tensors) as it:
        it.upstream.script = by_path(firstup=answers(body), secondup=answers())
        answer = await it.ask(infer(model=b"pair"))

        assert (200, b"second@second") == (answer.status, answer.headers[b"x-poise-target"])


@pytest.mark.parametrize("said", [b"-1", b"59", b"x", b""])
@on_loop
async def test_an_answer_with_a_wrong_length_is_no_answer(said: bytes) -> None:
    """Its client would read beyond its end, or tensors as JSON."""
    async with rig(made=with_tensors) as it:
        it.upstream.script = by_path(firstup=answers(head=sized(said)), secondup=answers())
        answer = await it.ask(infer(model=b"pair"))

        assert (200, b"second@second") == (answer.status, answer.headers[b"x-poise-target"])
        assert HEADER not in answer.headers


@on_loop
async def test_a_key_that_a_server_echoes_does_not_come_back() -> None:
    """Not in an error that is passed on to the caller."""
    async with rig(made=with_tensors) as it:
        it.upstream.script = lambda sock, seen: sock.write(
            answers(json.dumps({"error": dict(seen.headers)[b"authorization"].decode()}).encode(), status=400)
        )
        answer = await it.ask(infer())

        assert (400, "Bearer [key]") == (answer.status, json.loads(answer.body)["error"])


@on_loop
async def test_a_probe_without_a_key_may_not_have_a_bad_head_either() -> None:
    async with rig(made=with_tensors) as it:
        assert 400 == (await it.ask(b"GET /v2/health/live HTTP/1.1\r\n" + HOST + HOST + b"\r\n")).status
