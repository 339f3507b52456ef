"""X01, X02: keys that are almost right. Two keys are never confused, and an unknown one buys nothing."""

from __future__ import annotations

import pytest

from poise.edge.doors import keys_in
from tests.attack.rig import OTHER_KEY, UPSTREAM_KEY, on_loop, rig
from tests.attack.wire import HOST, KEY, chat, get, post

WRONG = {
    "no key": b"",
    "empty": b"",
    "prefix": KEY[:-1].encode(),
    "one more": KEY.encode() + b"x",
    "twice": KEY.encode() * 2,
    "upper case": KEY.upper().encode(),
    "first letter only": KEY[:1].encode(),
    "look-alike letters": KEY.replace("a", "\u0430").encode(),
    "wide letters": "".join(chr(ord(c) + 0xFEE0) for c in KEY).encode(),
    "zero-width space": KEY.encode() + "\u200b".encode(),
    "space within": KEY[:5].encode() + b" " + KEY[5:].encode(),
    "tab within": KEY[:5].encode() + b"\t" + KEY[5:].encode(),
    "no-break space behind": KEY.encode() + b"\xa0",
    "percent": KEY.replace("-", "%2d").encode(),
    "quotes": b'"' + KEY.encode() + b'"',
    "SQL": b"' OR 1=1--",
    "LDAP": b"*)(uid=*))(|(uid=*",
    "NoSQL": b'{"$ne":null}',
    "template": b"{{7*7}}${7*7}%s",
    "comma": KEY.encode() + b", " + OTHER_KEY.encode(),
    "60 KB": b"k" * 60_000,
}


@pytest.mark.parametrize("name", WRONG)
@on_loop
async def test_key_that_is_almost_right_is_unknown(name: str) -> None:
    """401, always of one shape, with nothing of the key in it."""
    line = b"" if name == "no key" else b"authorization: Bearer " + WRONG[name] + b"\r\n"
    async with rig() as it:
        answer = await it.ask(post(chat(), auth=line))
        plain = await it.ask(post(chat(), auth=b"authorization: Bearer nobody\r\n"))
        shape = {**answer.error, "decision": "", "message": ""}

        assert (401, "invalid_api_key") == (answer.status, answer.code)
        assert {**plain.error, "decision": "", "message": ""} == shape
        assert [] == it.upstream.seen


@pytest.mark.parametrize("raw", [b"\x00", b"\r", b"\n", b"\r\n x", b"\x7f", b"\x1b[0m"])
@on_loop
async def test_key_with_a_control_character_is_not_even_looked_up(raw: bytes) -> None:
    """It is no header value."""
    async with rig() as it:
        answers = await it.exchange(post(chat(), auth=b"authorization: Bearer " + KEY.encode() + raw + b"\r\n"))

        assert [400] == [answer.status for answer in answers]
        assert [] == it.upstream.seen


@on_loop
async def test_key_of_64_kb_is_refused_by_its_size() -> None:
    """Longer than a head may be."""
    async with rig() as it:
        answers = await it.exchange(post(chat(), auth=b"authorization: Bearer " + b"k" * 66_000 + b"\r\n"))

        assert ["headers_too_large"] == [answer.code for answer in answers]


@pytest.mark.parametrize("scheme", [b"Basic ", b"bearer", b"Bearer", b"Token ", b"", b"Bearer\xa0", b"Bearer:"])
@on_loop
async def test_other_schemes_carry_no_key(scheme: bytes) -> None:
    """Only ``Bearer``, a space and the key."""
    async with rig() as it:
        answer = await it.ask(post(chat(), auth=b"authorization: " + scheme + KEY.encode() + b"\r\n"))

        assert 401 == answer.status


@on_loop
async def test_two_keys_are_never_confused_whatever_came_before() -> None:
    """On one connection, in turns, remembered or not."""
    async with rig() as it:
        wire = await it.connect()
        for _ in range(3):
            for key, models in ((KEY, 1), (OTHER_KEY, 0), (KEY[:-1], None)):
                await wire.send(get(auth=b"authorization: Bearer " + key.encode() + b"\r\n"))
                answer = await wire.answer()
                found = answer.body.count(b'"object":"model"') if answer.status == 200 else None

                assert models == found
        wire.close()


@on_loop
async def test_two_keys_in_one_request_are_refused() -> None:
    """Nobody decides which of them counts."""
    async with rig() as it:
        other = b"authorization: Bearer " + OTHER_KEY.encode() + b"\r\n"
        answers = await it.exchange(post(chat(), other))

        assert ["bad_header"] == [answer.code for answer in answers]


@on_loop
async def test_unknown_keys_leave_nothing_behind() -> None:
    """A thousand of them on one connection: none is remembered, no body is held."""
    async with rig() as it:
        wire = await it.connect()
        for i in range(1000):
            line = b"authorization: Bearer guess-%d\r\n" % i
            await wire.send(b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + line + b"content-length: 2\r\n\r\n{}")
            assert 401 == (await wire.answer()).status
        wire.close()

        assert 0 == len(it.plane._front._known)  # noqa: SLF001 - the one place where keys are remembered
        assert ["invalid_api_key"] * 1000 == it.records.codes


BEARER = b"authorization: Bearer "
UPSTREAM_BEARER = b"Bearer " + UPSTREAM_KEY.encode()
FOREIGN = {
    "a proxy's bearer": BEARER + b"of-the-egress-proxy\r\n",
    "a proxy's basic": b"authorization: Basic cHJveHk6c2VjcmV0\r\n",
    "an empty one": b"authorization:\r\n",
    "another vendor's": b"api-key: unused\r\n",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("header", [b"x-api-key: ", b"x-goog-api-key: ", b"api-key: "])
@on_loop
async def test_vendor_key_counts_beside_what_is_not_ours(header: bytes, name: str) -> None:
    """A client sends its key as its vendor has it, and something on the way adds a header of its own."""
    lines = FOREIGN[name] if not FOREIGN[name].startswith(header) else b"x-api-key: unused\r\n"
    async with rig() as it:
        answer = await it.ask(post(chat("hello"), auth=lines + header + KEY.encode() + b"\r\n"))

        assert (200, "echo hello") == (answer.status, answer.text)
        assert UPSTREAM_BEARER == dict(it.upstream.seen[0].headers)[b"authorization"]
        assert KEY.encode() not in repr(it.upstream.seen[0]).encode()


@on_loop
async def test_key_in_the_query_counts_beside_what_is_not_ours() -> None:
    """As Gemini's older clients send it."""
    async with rig() as it:
        path = b"/v1/chat/completions?key=" + KEY.encode()
        answer = await it.ask(post(chat(), path=path, auth=FOREIGN["a proxy's bearer"]))

        assert 200 == answer.status


@on_loop
async def test_bearer_of_ours_comes_before_any_other_key() -> None:
    """What Poise documents: the other's right to everything does not widen it, whichever was seen first."""
    async with rig() as it:
        both = BEARER + OTHER_KEY.encode() + b"\r\nx-api-key: " + KEY.encode() + b"\r\n"
        for _ in range(2):
            assert b'"object":"model"' not in (await it.ask(get(auth=both))).body

            assert b'"object":"model"' in (await it.ask(get(auth=b"x-api-key: " + KEY.encode() + b"\r\n"))).body


@on_loop
async def test_foreign_header_is_never_remembered_for_the_key_beside_it() -> None:
    """Alone it buys nothing, before and after, on the same connection and on others."""
    alone = FOREIGN["a proxy's bearer"]
    beside = alone + b"x-api-key: " + KEY.encode() + b"\r\n"
    async with rig() as it:
        wire = await it.connect()
        for auth, status in ((beside, 200), (alone, 401), (beside, 200), (alone, 401)):
            await wire.send(get(auth=auth))
            assert status == (await wire.answer()).status
        wire.close()

        assert 401 == (await it.ask(get(auth=alone))).status
        assert 0 == len(it.plane._front._known)  # noqa: SLF001 - the one place where keys are remembered


@on_loop
async def test_work_for_a_stranger_is_bounded_by_the_headers_there_are() -> None:
    """Each is hashed once, however often its name stands there, and nothing of them is told or tried elsewhere."""
    names = (b"x-api-key", b"x-goog-api-key", b"api-key")
    lines = b"".join(b"%b: guess-%d\r\n" % (name, i) for name in names for i in range(25))
    query = b"/v1/models?" + b"&".join(b"key=guess-%d" % i for i in range(30))
    async with rig() as it:
        answer = await it.ask(get(path=query, head=lines, auth=FOREIGN["a proxy's bearer"]))

        assert (401, "invalid_api_key") == (answer.status, answer.code)
        assert b"guess" not in answer.body
        assert 4 == len(keys_in(dict.fromkeys((*names, b"x-key"), b"guess, guess"), query))
