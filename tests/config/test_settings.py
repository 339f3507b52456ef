"""The table of settings and the JSON Schema: both say what the reader does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import poise.edge.config as configuration
from poise.edge.config.load import load
from poise.edge.config.node import parse
from poise.edge.config.problem import Findings
from poise.edge.config.settings import SETTINGS, schema
from poise.edge.config.shape import FILE, FileShape
from poise.edge.config.start import demo_file
from tests.config.json_schema import allows, plain
from tests.config.sample import CONTRACT, GOOD, MINIMAL, written
from tests.config.test_broken import BROKEN, Broken

SCHEMA: dict[str, Any] = schema()

# What a schema cannot say of one file by itself: how parts fit together, the environment, other files, CEL, order.
_BEYOND = {
    "open to the world", "two ports in one", "an unset variable", "half a reference", "no key", "no url",
    "a model twice", "half a pair", "no candidates", "unknown model", "unknown pin", "nothing new",
    "unknown profile", "regions", "no CEL", "no such fact", "not a fact", "split of a stranger",
    "split of nothing", "weights of nothing", "spread and split", "alias of a model",
    "workflow of a workflow's alias", "no keys", "unknown workflow", "unknown model of a key",
    "the open grant's name", "a missing include", "a search of everything", "a literal secret",
    "deadline too long", "duplicate key", "a name with @", "listen on port 70000", "three secrets",
    "no url by null", "a key as in a shell",
}  # fmt: skip


def _valid(text: str) -> bool:
    tree = parse(text.encode(), "f", Findings())
    assert tree is not None
    return allows(SCHEMA, plain(tree), SCHEMA)


def test_the_schema_allows_what_is_good() -> None:
    """The contract's whole file too: an editor does not know what is not built yet."""
    for text in (CONTRACT.read_text(), GOOD, MINIMAL, demo_file()):
        assert _valid(text)


def test_the_schema_is_json() -> None:
    """As an editor gets it."""
    assert SCHEMA == msgspec.json.decode(msgspec.json.encode(SCHEMA))


_SAYABLE = [b for b in BROKEN if b.name not in _BEYOND and b.path]


@pytest.mark.parametrize("broken", _SAYABLE, ids=[b.name for b in _SAYABLE])
def test_the_schema_refuses_what_it_can(broken: Broken) -> None:
    """Unknown names, wrong types, quantities without a unit, closed lists of words."""
    assert not _valid(broken.text if broken.whole else MINIMAL + broken.text)


def test_there_is_enough_that_it_can() -> None:
    assert 15 <= len(_SAYABLE)


_VALUES: st.SearchStrategy[str] = st.sampled_from(
    [
        "1",
        "-5",
        "0.5",
        "x",
        "x@y",
        "5s",
        "5 s",
        "4MiB",
        "99%",
        "'1'",
        "true",
        "no",
        "~",
        "[]",
        "[a]",
        "{}",
        "env:A",
        "http://h",
        "order",
        "none",
    ]
)


@given(setting=st.sampled_from(sorted(SETTINGS)), value=_VALUES)
def test_the_schema_refuses_nothing_that_the_reader_takes(setting: str, value: str) -> None:
    """An editor that underlines a good value would be worse than none."""
    text = value
    for step in reversed(setting.replace("[]", ".[]").split(".")):
        text = f"[{text}]" if step == "[]" else f"{{{'a' if step == '*' else step}: {text}}}"
    tree = parse(f"{{version: 1, {text[1:]}".encode(), "f", Findings())
    assert tree is not None
    findings = Findings()
    FILE.read(tree, "", findings)
    if not findings.problems:
        assert allows(SCHEMA, plain(tree), SCHEMA), text


def test_the_table_has_every_setting_with_a_meaning() -> None:
    """Those of the contract among them; each has words of its own and a type."""
    assert SETTINGS is configuration.SETTINGS
    for path in (
        "listen",
        "providers.*.models[].price.input",
        "workflows.*.timers.first_token",
        "keys.*.secret",
        "retention.age",
    ):
        assert path in SETTINGS
    assert all(s.type and s.meaning for s in SETTINGS.values())


def test_defaults_in_the_table_read_as_the_defaults() -> None:
    """A file in which every default is written out is the file in which none is."""
    written = "version: 1\nopen: false\nadmin: 127.0.0.1:8701\nlisten: 127.0.0.1:8700\n"
    for section in ("limits", "retention"):
        rows = [s for s in SETTINGS.values() if re.fullmatch(rf"{section}\.[a-z_]+", s.path)]
        assert all(s.default for s in rows)
        written += f"{section}: {{{', '.join(f'{s.path.partition(chr(46))[2]}: {s.default}' for s in rows)}}}\n"
    written += f"grace: {SETTINGS['grace'].default}\n"
    tree = parse(written.encode(), "f", Findings())
    assert tree is not None

    assert FileShape(1) == FILE.read(tree, "", Findings())


def test_readers_give_what_their_types_say(tmp_path: Path) -> None:
    """Each field's annotation names its type twice, once for the type checker; msgspec agrees with both."""
    shape = load(written(tmp_path, GOOD), {}).shape

    assert shape == msgspec.convert(msgspec.to_builtins(shape), FileShape)
