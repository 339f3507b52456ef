"""X17: JSON that two readers might read in two ways, or that is meant to exhaust one.

Refused with a code, or passed on byte for byte; never half understood.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.attack.rig import on_loop, rig
from tests.attack.upstream import Seen, UpstreamSocket, completion, streamed, whole
from tests.attack.wire import chat, post

M = b'"messages":[{"role":"user","content":"hi"}]'
GOOD = b'{"model":"support",' + M + b"}"


def with_field(field: bytes) -> bytes:
    """A good body with one more field."""
    return GOOD[:-1] + b"," + field + b"}"


def nested(depth: int, *, space: bytes = b"") -> bytes:
    """A good body with arrays this deep."""
    return with_field(b'"x":' + b"[" * depth + b"]" * depth) + space


REFUSED = {
    "empty": (b"", "invalid_json"),
    "no object": (b"[]", "invalid_json"),
    "null": (b"null", "invalid_json"),
    "cut": (GOOD[:-1], "invalid_json"),
    "data behind": (GOOD + b"{}", "invalid_json"),
    "data behind, NUL": (GOOD + b"\x00", "invalid_json"),
    "BOM": (b"\xef\xbb\xbf" + GOOD, "invalid_json"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "invalid_json"),
    "UTF-32": (GOOD.decode().encode("utf-32-le"), "invalid_json"),
    "NaN": (with_field(b'"x":NaN'), "invalid_json"),
    "Infinity": (with_field(b'"x":Infinity'), "invalid_json"),
    "minus Infinity": (with_field(b'"x":-Infinity'), "invalid_json"),
    "hexadecimal": (with_field(b'"x":0x10'), "invalid_json"),
    "leading zero": (with_field(b'"x":01'), "invalid_json"),
    "plus": (with_field(b'"x":+1'), "invalid_json"),
    "comment": (with_field(b'/*c*/"x":1'), "invalid_json"),
    "comma at the end": (GOOD[:-1] + b",}", "invalid_json"),
    "single quotes": (GOOD.replace(b'"', b"'"), "invalid_json"),
    "depth 10,000": (nested(10_000), "invalid_json"),
    "depth 1,000,000": (b"[" * 1_000_000, "invalid_json"),
    "objects, depth 100,000": (b'{"a":' * 100_000, "invalid_json"),
    "invalid UTF-8": (with_field(b'"x":"\xff"'), "invalid_json"),
    "invalid UTF-8, nested": (with_field(b'"x":[{"y":"\xc3\x28"}]'), "invalid_json"),
    "overlong UTF-8": (with_field(b'"x":"\xc0\xaf"'), "invalid_json"),
    "surrogate as UTF-8": (with_field(b'"x":"\xed\xa0\x80"'), "invalid_json"),
    "model twice": (with_field(b'"model":"other"'), "duplicate_field"),
    "model twice, the same": (with_field(b'"model":"support"'), "duplicate_field"),
    "model twice, escaped": (with_field(b'"mod\\u0065l":"other"'), "duplicate_field"),
    "model twice, white space": (with_field(b'\n\t"model"  :  "other"'), "duplicate_field"),
    "stream twice": (with_field(b'"stream":false,"stream":true'), "duplicate_field"),
    "messages twice": (with_field(M), "duplicate_field"),
    "unknown field twice": (with_field(b'"x":1,"x":2'), "duplicate_field"),
    "empty field twice": (with_field(b'"":1,"":2'), "duplicate_field"),
    "three times": (with_field(b'"x":1,"x":1,"x":1'), "duplicate_field"),
    "model a number": (b'{"model":1,' + M + b"}", "invalid_field"),
    "model null": (b'{"model":null,' + M + b"}", "invalid_field"),
    "model a lone surrogate": (b'{"model":"\\ud800",' + M + b"}", "invalid_json"),
    "lone surrogate": (with_field(b'"x":"\\ud800"'), "invalid_json"),
    "lone surrogate, nested": (with_field(b'"x":[{"y":"a\\udc00b"}]'), "invalid_json"),
    "model of 64 KB": (b'{"model":"' + b"m" * 65_536 + b'",' + M + b"}", "invalid_field"),
    "no model": (b"{" + M + b"}", "invalid_field"),
    "no messages": (b'{"model":"support"}', "invalid_field"),
    "stream a string": (with_field(b'"stream":"true"'), "invalid_field"),
    "stream one": (with_field(b'"stream":1'), "invalid_field"),
    "max_tokens a text": (with_field(b'"max_tokens":"1"'), "invalid_field"),
    "max_tokens 1e309": (with_field(b'"max_tokens":1e309'), "invalid_field"),
    "max_tokens a fraction": (with_field(b'"max_tokens":1.5'), "invalid_field"),
    "max_tokens of a million digits": (with_field(b'"max_tokens":' + b"9" * 1_000_000), "invalid_field"),
    "user an object": (with_field(b'"user":{}'), "invalid_field"),
    "stream_options a list": (with_field(b'"stream":true,"stream_options":[]'), "invalid_field"),
}

PASSED = {
    "a million digits": b'"x":' + b"9" * 1_000_000,
    "1e309": b'"x":1e309',
    "minus zero": b'"x":-0',
    "NUL, escaped": b'"x":"\\u0000"',
    "duplicates below the top": b'"x":{"a":1,"a":2}',
    "large text": b'"x":"' + b"y" * 1_000_000 + b'"',
    "depth 200": b'"x":' + b"[" * 200 + b"]" * 200,
    "negative max_tokens": b'"max_tokens":-5',
    "enormous max_tokens": b'"max_tokens":1' + b"0" * 18,
}


@pytest.mark.parametrize("name", REFUSED)
@on_loop
async def test_bad_json_is_refused_with_a_code(name: str) -> None:
    """400, the same each time, and nothing of it reaches an upstream."""
    body, code = REFUSED[name]
    async with rig() as it:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        first, second = [await it.ask(post(body)) for _ in range(2)]
        took_s = loop.time() - began_s

        assert [(400, code)] * 2 == [(answer.status, answer.code) for answer in (first, second)]
        assert 0.5 > took_s
        assert 1000 > len(first.body), "an error repeats no more than a little of what was sent"
        assert [] == it.upstream.seen


@pytest.mark.parametrize("name", PASSED)
@on_loop
async def test_odd_json_below_what_is_read_goes_on_byte_for_byte(name: str) -> None:
    """What no decision reads is not ours to judge, and not ours to change."""
    async with rig() as it:
        answer = await it.ask(post(with_field(PASSED[name])))

        assert 200 == answer.status, answer.body[:300]
        assert PASSED[name] in it.upstream.seen[0].body


@on_loop
async def test_depth_is_refused_or_served_and_nothing_in_between() -> None:
    """Around the parser's own bound too, where one frame more or less decides; never a fault of the gateway."""

    def unread(sock: UpstreamSocket, seen: Seen) -> None:
        """An answer that does not hang on the upstream's own parser, whose bound lies elsewhere."""
        sock.write(streamed("deep") if b'"stream":true' in seen.body else whole(completion("deep")))

    async with rig() as it:
        it.upstream.script = unread
        codes = set()
        for depth in range(880, 1010):
            for body in (
                nested(depth, space=b" "),
                with_field(b'"stream":true,"stream_options":{"a":' + b"[" * depth + b"]" * depth + b"} "),
            ):
                wire = await it.connect()
                await wire.send(post(body))
                answer = await wire.answer()
                wire.close()
                codes.add(200 if answer.status == 200 else answer.code)

        assert codes == {200, "invalid_json"}


@on_loop
async def test_what_the_upstream_reads_is_what_was_decided_on() -> None:
    """One model, one stream flag, every other field as it was."""
    async with rig() as it:
        await it.ask(post(with_field(b' "\\u0078" : [1, 2.50] , "user":"u"')))
        (seen,) = it.upstream.seen
        pairs = json.loads(seen.body, object_pairs_hook=list)

        assert ["m-1", "u"] == [value for name, value in pairs if name in ("model", "user")]
        assert len(pairs) == len({name for name, _ in pairs})
        assert b"[1, 2.50]" in seen.body


@on_loop
async def test_large_prompt_is_in_no_error() -> None:
    """A prompt that breaks the JSON around it is not told back."""
    async with rig() as it:
        answer = await it.ask(post(chat()[:-3]))

        assert "invalid_json" == answer.code
        assert b"canary" not in answer.body
