"""Numbers that JSON does not have: told from the same letters in a text, in linear time."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.wire.oip.finite import finite

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
NUMBERS = st.floats()
TEXTS = st.text(alphabet='NaInfity"\\ -é', max_size=12)
TREES = st.recursive(
    NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


def plain(value: object) -> object:
    """The same with None for what JSON cannot say."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and value - value != 0 else value


@CALM
@given(TREES)
def test_only_numbers_become_null(tree: object) -> None:
    """In a text the same letters stay, whatever stands around them."""
    assert plain(tree) == msgspec.json.decode(finite(json.dumps(tree, ensure_ascii=False).encode()))


@CALM
@given(st.binary(max_size=60) | st.text(alphabet='NaN"\\-,', max_size=40).map(str.encode))
def test_any_bytes_are_read(body: bytes) -> None:
    """And what holds none of them stays as it was."""
    found = finite(body)

    assert len(found) <= 2 * len(body)
    assert found == body or b"NaN" in body or b"Infinity" in body


@pytest.mark.parametrize("piece", [b'"', b'\\"', b'"\\', b"\\", b"-", b"NaN", b'""'])
def test_no_byte_is_looked_at_twice(piece: bytes) -> None:
    """A megabyte of the worst there is: quadratic time would be minutes, and the suite's bound ends it."""
    body = b'"' + piece * (1_000_000 // len(piece))

    assert len(body) <= 2 * len(finite(body))
