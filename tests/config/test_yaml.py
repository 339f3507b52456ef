"""Scalars and quantities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.edge.config.node import Mapping, Scalar, parse, scalar_value
from poise.edge.config.problem import Findings
from poise.edge.config.units import duration_us, money_usd, percent_e6, show_bytes, show_us, size_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("1:30", "1:30"),
        ("1_000", "1_000"), ("2026-01-02", "2026-01-02"), ("true", True), ("False", False), ("null", None),
        ("~", None), ("", None), ("12", 12), ("-3", -3), ("0o17", 15), ("0x1f", 31), ("017", 17), ("1.5", 1.5),
        (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0), ("nan", "nan"), ("127.0.0.1", "127.0.0.1"), ("5.2.1", "5.2.1"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """The core schema: what 1.1 took for booleans, times and dates is text."""
    assert (type(value), value) == (type(scalar_value(text)), scalar_value(text))


def test_quotes_and_tags_decide_what_a_scalar_is() -> None:
    """A quoted number is text, and so is one that is tagged so."""
    tree = parse(b"a: '5'\nb: !!str 5\nc: 5\nd: |\n  5\n", "f", Findings())
    assert isinstance(tree, Mapping)

    values = [node.value for node in tree.items.values() if isinstance(node, Scalar)]
    assert ["5", "5", 5, "5\n"] == values


def test_every_node_knows_its_place() -> None:
    """Lines and columns count from 1, in characters and not in bytes."""
    tree = parse("é: [a, b]\n".encode(), "f", Findings())
    assert isinstance(tree, Mapping)

    assert ("f", 1, 1) == tree.keys["é"]
    assert ("f", 1, 4) == tree.items["é"].place


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("800ms", 800_000), ("30s", 30_000_000), ("2m", 120_000_000), ("7d", 604_800_000_000), ("1.1ms", 1100),
        ("5 s", 5_000_000), ("30", None), ("-1s", None), ("1sec", None), ("s", None), ("1m30s", None),
        ("1e3s", None), ("٣s", None),
    ],
)  # fmt: skip
def test_durations(text: str, us: int | None) -> None:
    assert us == duration_us(text)


def test_sizes_percentages_and_money() -> None:
    assert [4 << 20, 1500, None, None] == [size_bytes(t) for t in ("4MiB", "1.5kB", "4", "4mib")]
    assert [999_000, 1_000_000, None] == [percent_e6(t) for t in ("99.9%", "100 %", "0.999")]
    assert [0.05, 5.0, 5.0, None, None] == [money_usd(t) for t in ("$0.05", "5", "5 USD", "5 EUR", "-1")]


@given(st.integers(0, 10**15))
def test_a_quantity_that_is_shown_reads_as_itself(value: int) -> None:
    """For every whole number of microseconds and of bytes."""
    assert value == duration_us(show_us(value))
    assert value == size_bytes(show_bytes(value))
