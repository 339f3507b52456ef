"""What must not come through: another's key, a path beside the provider's, a provider or model that the key may not use."""

from __future__ import annotations

import json

import pytest

from tests.attack.rig import UPSTREAM_KEY, Rig, on_loop
from tests.attack.wire import Answer, get
from tests.passing.served import ALL, NARROW, NONE, answer, call, last, one, raw, served

JSON = b"application/json"
SEEN_FROM_US = {
    *(b"host", b"user-agent", b"accept-encoding", b"authorization", b"content-type", b"x-client-request-id"),
    b"content-length",
}
STOLEN = (
    b"x-api-key: stolen\r\nx-goog-api-key: stolen\r\napi-key: stolen\r\ncookie: stolen=1\r\nforwarded: for=stolen\r\n"
    b"proxy-authorization: Basic stolen\r\nopenai-organization: stolen\r\nopenai-project: stolen\r\nreferer: stolen\r\n"
    b"x-goog-user-project: stolen\r\nx-forwarded-for: stolen\r\nx-forwarded-host: stolen\r\norigin: stolen\r\n"
    b"x-amz-security-token: stolen\r\nte: trailers\r\nkeep-alive: 5\r\nproxy-connection: keep-alive\r\n"
    b"x-http-method-override: DELETE\r\nx-original-url: /stolen\r\nx-poise-user: u\r\naccept-encoding: br\r\n"
)


@on_loop
async def test_no_credential_of_the_caller_goes_on() -> None:
    """Nor a header that names another account, another way here, or another method."""
    async with served() as it:
        _, seen = await one(it, call(b"POST", b"/passthrough/up/files", b"{}", STOLEN, kind=JSON))

        assert seen is not None
        assert b"stolen" not in it.upstream.raw
        assert ALL.encode() not in it.upstream.raw
        assert SEEN_FROM_US == {name for name, _ in seen.headers}
        assert b"Bearer " + UPSTREAM_KEY.encode() == dict(seen.headers)[b"authorization"]


@on_loop
async def test_vendors_own_headers_go_on() -> None:
    """Betas, versions, ranges, idempotency; a version that the caller says replaces the usual one."""
    async with served() as it:
        head = (
            b"anthropic-beta: files-2025\r\nanthropic-version: 2099-01-01\r\nrange: bytes=0-5\r\nidempotency-key: i\r\n"
        )
        _, said = await one(it, call(b"GET", b"/passthrough/claude/v1/files", head=head))
        _, silent = await one(it, call(b"GET", b"/passthrough/claude/v1/files"))

        assert said is not None
        assert silent is not None
        assert [b"2099-01-01"] == [value for name, value in said.headers if name == b"anthropic-version"]
        assert {(b"anthropic-beta", b"files-2025"), (b"range", b"bytes=0-5"), (b"idempotency-key", b"i")} < set(
            said.headers
        )
        assert (b"x-api-key", UPSTREAM_KEY.encode()) in said.headers
        assert (b"anthropic-version", b"2023-06-01") in silent.headers


@on_loop
async def test_headers_named_by_connection_are_its_hops() -> None:
    """But never the content type: without it the body means something else."""
    async with served() as it:
        head = b"connection: idempotency-key, content-type\r\nidempotency-key: i\r\n"
        _, seen = await one(it, call(b"POST", b"/passthrough/up/x", b"{}", head, kind=JSON))

        assert seen is not None
        assert b"idempotency-key" not in dict(seen.headers)
        assert JSON == dict(seen.headers)[b"content-type"]


@pytest.mark.parametrize(
    "query",
    [b"key=stolen", b"a=1&key=stolen&b=2", b"%6bey=stolen", b"KEY=stolen", b"access_token=stolen", b"api-key=stolen"],
)
@on_loop
async def test_a_key_in_the_query_does_not_go_on(query: bytes) -> None:
    """Gemini's clients put theirs there."""
    async with served() as it:
        _, seen = await one(it, call(b"GET", b"/passthrough/up/files?" + query))

        assert seen is not None
        assert b"stolen" not in seen.line
        assert (b"?a=1&b=2 " in seen.line) == (b"a=1" in query)


LEAVING = [
    *(b"../files", b"a/../../x", b"a/..", b"./x", b"a/./b", b"/x", b"a//b", b"..%2fx", b"%2e%2e/x", b"%2E%2e/x", b".%2e/x"),
    *(b"a%2fb", b"a%2Fb", b"a%5cb", b"a\\b", b"..%5cx", b"%252e%252e/x", b"a%252fb", b"%25252e%25252e/x", b"..;/x", b"..;a=b/x"),
    *(b"a%00b", b"a%0d%0ax", b"a%0ab", b"a%", b"a%2", b"a%zz", b"a#b", b'a"b', b"a<b", b"a^b", b"a{b}", b"x?a=b#c", b"x?a=%0"),
    *(b"http://evil.test/x", b"//evil.test/x", b"a/%2e%2e;x/b", b"%2e", b"x/%2e%2e"),
]  # fmt: skip


@pytest.mark.parametrize("rest", LEAVING)
@on_loop
async def test_no_path_leaves_the_providers_own(rest: bytes) -> None:
    """Dots, doubled and hidden slashes, escapes of escapes, controls: refused before anybody is asked."""
    async with served() as it:
        told, _ = await one(it, call(b"GET", b"/passthrough/up/" + rest))

        assert (400, "bad_request") == (told.status, told.code), told
        assert [] == it.upstream.seen


@pytest.mark.parametrize("url", [b"http://up.test/passthrough/up/x", b"*", b"passthrough/up/x"])
@on_loop
async def test_only_a_path_is_a_target(url: bytes) -> None:
    """Absolute form names another server, an asterisk none."""
    async with served() as it:
        told = (await it.exchange(call(b"GET", url)))[0]

        assert 400 == told.status
        assert [] == it.upstream.seen


@pytest.mark.parametrize(
    "path", [b"/passthrough", b"/passthrough/", b"/passthrough/up", b"/passthrough/up/", b"/passthroughs/up/x"]
)
@on_loop
async def test_a_path_without_a_rest_is_nothing(path: bytes) -> None:
    """There is no page there."""
    async with served() as it:
        told, _ = await one(it, call(b"GET", path))

        assert (404, "not_found") == (told.status, told.code)


def words(told: Answer) -> str:
    """What is said, without what differs from call to call."""
    return str(told.error["message"])


@on_loop
async def test_what_is_not_granted_looks_like_what_is_not_there() -> None:
    """403 in the same words, before a body is read; and nobody is asked."""
    async with served() as it:
        for key in (NARROW, NONE):
            real, _ = await one(it, call(b"POST", b"/passthrough/claude/x", b"{}", key=key))
            made_up, _ = await one(it, call(b"POST", b"/passthrough/clauds/x", b"{}", key=key))

            assert (403, "key_not_allowed") == (real.status, real.code)
            assert words(real) == words(made_up).replace("clauds", "claude")
        assert [] == it.upstream.seen


@on_loop
async def test_a_stranger_learns_nothing() -> None:
    """Without a key it is 401 for every provider and every path."""
    async with served() as it:
        for path in (b"/passthrough/up/x", b"/passthrough/nobody/x", b"/passthrough/up/../x"):
            told = await it.ask(get(path, auth=b""))

            assert (401, "invalid_api_key") == (told.status, told.code)


def form(*models: bytes) -> bytes:
    """A form that names these models."""
    parts = [b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n' % model for model in models]
    return b"".join(parts) + b"--b--\r\n"


FORM = b"multipart/form-data; boundary=b"
BEYOND = {
    "in JSON": (b"x", b'{"model":"gpt-9"}', JSON),
    "in JSON without a content type": (b"x", b'{"model":"gpt-9"}', b""),
    "in JSON that calls itself text": (b"x", b' \n{"model":"gpt-9"}', b"text/plain"),
    "behind a byte order mark": (b"x", b'\xef\xbb\xbf{"model":"gpt-9"}', b"text/plain"),
    "twice in JSON": (b"x", b'{"model":"whisper-1","model":"gpt-9"}', JSON),
    "twice, by an escape": (b"x", b'{"model":"whisper-1","\\u006dodel":"gpt-9"}', JSON),
    "no string": (b"x", b'{"model":["gpt-9"]}', JSON),
    "broken JSON": (b"x", b'{"model":"gpt-9"', JSON),
    "in a form": (b"x", form(b"gpt-9"), FORM),
    "twice in a form": (b"x", form(b"whisper-1", b"gpt-9"), FORM),
    "in a broken form": (b"x", form(b"gpt-9")[1:], FORM),
    "url-encoded": (b"x", b"model=gpt-9", b"application/x-www-form-urlencoded"),
    "in the path": (b"v1beta/models/gpt-9:generateContent", b"{}", JSON),
    "in the path, escaped": (b"models/gpt%2D9:generateContent", b"{}", JSON),
    "as a deployment": (b"openai/deployments/gpt-9/chat/completions", b"{}", JSON),
    "in the query": (b"x?model=gpt-9", b"{}", JSON),
    "a model of another key": (b"chat/completions", b'{"model":"m-1"}', JSON),
}


async def by_narrow(it: Rig, rest: bytes, body: bytes, kind: bytes) -> Answer:
    """A call by the key that is bound to whisper-*."""
    told, _ = await one(it, call(b"POST", b"/passthrough/up/" + rest, body, key=NARROW, kind=kind))
    return told


@pytest.mark.parametrize("where", BEYOND)
@on_loop
async def test_a_bound_key_names_no_model_beyond_its_scope(where: str) -> None:
    """Passing through never gives a key more than it has; what could be read in two ways is not sent."""
    async with served() as it:
        told = await by_narrow(it, *BEYOND[where])

        assert told.status in (400, 403), told
        assert [] == it.upstream.seen


@pytest.mark.parametrize(
    ("rest", "body", "kind"),
    [
        (b"audio/transcriptions", form(b"whisper-1"), FORM),
        (b"audio/translations", b'{"model":"whisper-large"}', JSON),
        (b"files", b'{"purpose":"batch"}', JSON),
        (b"uploads/u/parts", b"\xff\xfb\x90", b"audio/mpeg"),
    ],
)
@on_loop
async def test_a_bound_key_does_what_its_scope_holds(rest: bytes, body: bytes, kind: bytes) -> None:
    """Its own models, and all that names none."""
    async with served() as it:
        assert 200 == (await by_narrow(it, rest, body, kind)).status


@pytest.mark.parametrize("method", [b"OPTIONS", b"TRACE", b"PROPFIND"])
@on_loop
async def test_other_methods_are_not_passed(method: bytes) -> None:
    """TRACE would show our headers."""
    async with served() as it:
        told, _ = await one(it, call(method, b"/passthrough/up/x"))

        assert (405, "method_not_allowed") == (told.status, told.code)


@on_loop
async def test_a_get_with_a_body_is_refused() -> None:
    """Some servers would take the body for the next request."""
    async with served() as it:
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x", b"GET /admin HTTP/1.1\r\n\r\n"))

        assert (400, "bad_request") == (told.status, told.code)
        assert [] == it.upstream.seen


@on_loop
async def test_chunked_requests_are_sent_with_their_length() -> None:
    """One framing goes on, ours."""
    async with served() as it:
        head = call(b"POST", b"/passthrough/up/x", head=b"transfer-encoding: chunked\r\n", kind=JSON)
        _, seen = await one(it, head + b"2\r\n{}\r\n0\r\n\r\n")

        assert seen is not None
        assert (b"{}", b"2") == (seen.body, dict(seen.headers)[b"content-length"])


HUGE = json.dumps({"usage": {"prompt_tokens": 10**30, "completion_tokens": -5}, "model": "x" * 10_000}).encode()


@pytest.mark.parametrize(
    "body",
    [
        HUGE,
        b'{"usage":' * 2000,
        b'{"usage":[1]}',
        b"\xff\xfe",
        b"",
        b'{"usage":{}}',
        b'{"model":5,"usage":{"input_tokens":"x"}}',
    ],
)
@on_loop
async def test_no_answer_can_break_the_meter(body: bytes) -> None:
    """It passes as it is, whatever it claims to have counted."""
    async with served() as it:
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x"), answer(body))

        assert (200, body) == (told.status, told.body)
        assert 0 == last(it).attempts[0].output_tokens


@on_loop
async def test_an_event_without_end_is_passed_and_not_held() -> None:
    """Metering stops at its bound, the bytes go on."""
    async with served() as it:
        body = b'data: "usage"' + b"x" * 3_000_000
        head = b"content-type: text/event-stream\r\n"
        told, _ = await one(it, call(b"GET", b"/passthrough/up/x"), answer(body, head))

        assert body == told.body


@on_loop
async def test_a_malformed_answer_is_an_error_of_ours() -> None:
    """Two lengths, or no HTTP at all."""
    async with served() as it:
        for data in (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", b"SSH-2.0-x\r\n"):
            it.upstream.script = raw(data)
            told = await it.ask(call(b"GET", b"/passthrough/up/x"))

            assert (502, "upstream_failed") == (told.status, told.code)
