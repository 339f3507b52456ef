"""What simulated models say."""

from __future__ import annotations

from poise.sim.content import example
from poise.sim.dice import dice_for


def test_a_type_that_is_nothing_but_itself_has_no_value() -> None:
    """Two types that refer to each other without end: an emulator that is asked to fill them in answers all the same."""
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}

    assert example(schema, dice_for(1, b"")) is None
