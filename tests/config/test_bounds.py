"""Whatever stands in a file: it is read or refused soon, and nothing but problems comes of it."""

from __future__ import annotations

import contextlib
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.edge.config import Problems, load, resolve
from poise.edge.config.node import MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, Bad, parse
from poise.edge.config.problem import MAX_PROBLEMS, Findings
from tests.config.sample import CONTRACT, GOOD, MINIMAL, problems_of, written


def _refused(text: str | bytes) -> Bad:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Bad) as caught:
        parse(raw, "poise.yaml", Findings())
    return caught.value


def test_a_file_of_a_megabyte_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    """No more of it is read than shows that it is too long."""
    path = written(tmp_path, "a: b\n" * 200_000)
    tracemalloc.start()
    with pytest.raises(Problems) as caught:
        load(path, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [f"{MAX_FILE_BYTES + 1} bytes"] == [p.value for p in caught.value.problems]
    assert 4 * MAX_FILE_BYTES > peak


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "".join(" " * i + "a:\n" for i in range(99))]
)
def test_a_deep_file_is_refused(text: str) -> None:
    """Long before any stack ends."""
    assert f"is nested deeper than {MAX_DEPTH}" == _refused(text).text


def test_an_alias_bomb_is_refused() -> None:
    """Aliases count as often as they are used: nine levels of nine are 387 million values and are never made."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]

    assert f"makes more than {MAX_NODES} values" in _refused("\n".join(lines)).text


def test_aliases_cannot_hide_depth() -> None:
    """Each level may be shallow by itself; what counts is how deep it is where it is used."""
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [[[[*a{i - 1}]]]]" for i in range(1, 12)]

    assert f"is nested deeper than {MAX_DEPTH}" == _refused("\n".join(lines)).text


def test_an_alias_within_its_own_anchor_is_refused() -> None:
    assert "stands inside of what it names" == _refused("a: &a [*a]").text


def test_an_honest_alias_is_what_it_names(tmp_path: Path) -> None:
    """Anchors may be used to say a thing once."""
    text = MINIMAL + "workflows:\n  v: &v {candidates: [m]}\n  w: *v\n"

    assert () == problems_of(tmp_path, text)


def test_ten_thousand_mistakes_are_told_of_in_part(tmp_path: Path) -> None:
    """What nobody would read is counted, and no hints are sought for it."""
    problems = problems_of(tmp_path, MINIMAL + "".join(f"strange{i}: 1\n" for i in range(10_000)))

    assert MAX_PROBLEMS + 1 == len(problems)
    assert f"and at least {10_000 - MAX_PROBLEMS} problems more" == problems[-1].text


def test_a_scalar_full_of_references_is_one_problem(tmp_path: Path) -> None:
    """Openings without an end cost no square: half a megabyte of them is refused as soon as it is seen."""
    (problem,) = problems_of(tmp_path, MINIMAL + f"data: {'${' * 250_000}\n")

    assert "is longer than 16384 characters" == problem.text


def test_what_is_no_text_is_told_with_its_line() -> None:
    bad = _refused(b"version: 1\nowner: \xff\n")

    assert (2, 8, "byte 0xff") == (bad.place.line, bad.place.column, bad.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A configuration is a file; a named pipe with no writer would hang whoever opens it."""
    os.mkfifo(tmp_path / "poise.yaml")
    with pytest.raises(Problems, match="it is not a file"):
        load(tmp_path / "poise.yaml", {})


def _survives(raw: bytes, folder: Path) -> None:
    path = folder / "poise.yaml"
    path.write_bytes(raw)
    with contextlib.suppress(Problems):
        resolve(load(path, {"X": "1"}))


_SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_SETTINGS
@given(raw=st.binary(max_size=200))
def test_garbage_gives_problems_only(tmp_path: Path, raw: bytes) -> None:
    """Bytes of any kind, alone and below a good beginning."""
    _survives(raw, tmp_path)
    _survives(MINIMAL.encode() + raw, tmp_path)


_PIECES = st.sampled_from(
    [
        b"", b" ", b"\n", b"\t", b"{", b"}", b"[", b"]", b":", b"- ", b"&a ", b"*a", b"~", b"null", b"true", b"1e999",
        b".inf", b"-1", b"0x10", b"''", b'"\\u0000"', b"${X}", b"${", b"$${", b"!!", b"|\n", b"? ", b"<<: ",
        b"\xc3\xa9", b"\xff", b"9" * 30,
    ]
)  # fmt: skip


@_SETTINGS
@given(
    base=st.sampled_from([GOOD.encode(), CONTRACT.read_bytes(), MINIMAL.encode()]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), _PIECES), min_size=1, max_size=6),
)
def test_a_good_file_with_some_of_it_changed_gives_problems_only(
    tmp_path: Path, base: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    """Whatever is cut out and whatever is put in its place."""
    for where, cut, piece in edits:
        at = int(where * len(base))
        base = base[:at] + piece + base[at + cut :]
    _survives(base, tmp_path)


_VALUES = st.recursive(
    st.sampled_from(["~", "1", "-5", "x", "1s", "env:A", "true", "0.5", "''", "${X}", "m", "m@a", "facts.tokens > 1"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(["model", "name", "weights", "split", "m", "price", "set", "when"]), inner, max_size=3
        ).map(lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items.items()) + "}")
    ),
    max_leaves=6,
)


@_SETTINGS
@given(data=st.data())
def test_any_value_at_any_setting_gives_problems_only(tmp_path: Path, data: st.DataObject) -> None:
    """Every setting of the table takes values of every shape without more than a problem."""
    from poise.edge.config import SETTINGS

    assert isinstance(SETTINGS, dict)
    setting = data.draw(st.sampled_from(sorted(SETTINGS)))
    text = data.draw(_VALUES)
    for step in reversed(setting.replace("[]", ".[]").split(".")):
        text = f"[{text}]" if step == "[]" else f"{{{'a' if step == '*' else step}: {text}}}"
    _survives(text.encode(), tmp_path)
    _survives(f"{{version: 1, open: true, {text[1:]}".encode(), tmp_path)


def test_problems_of_garbage_can_be_printed() -> None:
    """A name with control characters does not reach a terminal as such."""
    findings = Findings()
    parse(b'"a\\e[31m": 1\n"a\\e[31m": 2\n', "poise.yaml", findings)

    assert 1 == len(findings.problems)
    assert "\x1b" not in str(findings.problems[0])
