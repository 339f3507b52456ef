"""What the fuzzer found at the doors, kept."""

from __future__ import annotations

import pytest

from poise.edge.doors import keys_in


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (b"/v1/x?key=abc", b"abc"),
        (b"/v1/x?a=b&key=a%2Bb+c", b"a+b c"),
        (b"/v1/x?key=&key=b", b"b"),
        (b"/v1/x?key=%ff", b"\xff"),
        (b"/v1/x?%ff=1&key=b", b"b"),
        (b"/v1/x?" + b"a=b&" * 40 + b"key=c", None),
        (b"/v1/x?monkey=c", None),
    ],
)
def test_a_key_in_a_query_is_read_whatever_stands_beside_it(url: bytes, key: bytes | None) -> None:
    assert ([] if key is None else [key]) == keys_in({}, url)
