"""The document check finds what is missing, what is too much, and what points nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import docs, docs_constants, docs_generated, docs_mentions, docs_named, docs_tables
from tests.repo.conftest import Write

KNOWN = {"alpha": ("200",), "beta": ("404",)}


def table(*rows: str) -> str:
    return (
        "<!-- table: codes -->\n| code | status |\n|---|---|\n" + "".join(f"{r}\n" for r in rows) + "<!-- /table -->\n"
    )


def test_complete_table_passes(tmp_path: Path, write: Write) -> None:
    """Rows may be spread over several tables and files."""
    write("docs/a.md", table("| `alpha` | 200 | fine |"))
    write("docs/b.md", table("| `beta` | 404 | gone |"))

    assert [] == docs_tables.compare(tmp_path, "codes", KNOWN)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["| `alpha` | 200 |"], "beta is in no table"),
        (["| `alpha` | 200 |", "| `beta` | 404 |", "| `gamma` | 1 |"], "gamma, which the code does not know"),
        (["| `alpha` | 200 |", "| `beta` | 410 |"], "beta is said to be 410, in code it is 404"),
        (["| `alpha` | 200 |", "| `beta` | 404 |", "| `beta` | 404 |"], "beta is listed twice"),
    ],
)
def test_table_that_differs_from_code_is_found(tmp_path: Path, write: Write, rows: list[str], said: str) -> None:
    """Missing, too much, wrong and twice are four faults."""
    write("docs/a.md", table(*rows))

    found = docs_tables.compare(tmp_path, "codes", KNOWN)

    assert 1 == len(found)
    assert said in found[0]


def test_missing_code_and_unknown_kind_are_faults_not_skips(tmp_path: Path, write: Write) -> None:
    """A document check that finds nothing to compare with has failed."""
    write("docs/a.md", table())

    def absent() -> dict[str, tuple[str, ...]]:
        raise ImportError("no module")

    found = docs.faults(tmp_path, {"settings": absent})

    assert any("settings: the code to compare with is missing: no module" in fault for fault in found)
    assert any("documents 'codes', of which the code knows nothing" in fault for fault in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x](gone.md)", "links gone.md, which does not exist"),
        ("[x](there.md#nothing)", "that file has no such heading"),
        ("[x](#nothing)", "that file has no such heading"),
        ("[x](../../etc/passwd)", "outside the repository"),
        ("see `poise/gone.py`", "names poise/gone.py, which does not exist"),
        ("run `make nothing`", "says `make nothing`, which is no target"),
        ("```\nmake nothing\n```", "says `make nothing`, which is no target"),
        ("run `poise nonsense --now`", "shows `poise nonsense`, which is no command"),
    ],
)
def test_mention_of_what_is_not_there_is_found(tmp_path: Path, write: Write, text: str, said: str) -> None:
    """Links, headings, files, targets and commands."""
    write("docs/there.md", "# Here it is\n")
    write("docs/a.md", text + "\n")

    found = docs_mentions.faults(tmp_path)

    assert 1 == len(found)
    assert said in found[0]


def test_mentions_of_what_is_there_pass(tmp_path: Path, write: Write) -> None:
    """The world outside is not asked."""
    write("Makefile", "test: check\n\techo\n")
    write("poise/clock.py", "")
    write("docs/there.md", "# Here, it *is*\n")
    write(
        "docs/a.md",
        "[x](there.md#here-it-is) [y](https://example.com/x) `make test` `poise/clock.py` `poise check x`\n",
    )

    assert [] == docs_mentions.faults(tmp_path)


def test_life_of_a_request_must_link_a_file_at_each_step(tmp_path: Path, write: Write) -> None:
    """And no stage of the path may be left out."""
    write("poise/edge/wiring.py", "from poise.path.admit import Admit\n\n    admit = Admit(decide)\n")
    write(str(docs.LIFE), "# Life\n\n1. It arrives.\n2. Then\n   [server](../poise/edge/server.py) reads it.\n")

    found = docs.life(tmp_path)

    assert 2 == len(found)
    assert "'1. It arrives.' links no file of poise" in found[0]
    assert "links no poise/path/admit.py" in found[1]


def test_generated_part_is_compared_and_written(write: Write) -> None:
    """Text around the part, and other parts, are left as they are."""
    other = "<!-- generated: y -->\nkept\n<!-- /generated -->\n"
    path = write("docs/a.md", f"{other}before\n<!-- generated: x -->\nold\n<!-- /generated -->\nafter\n")
    assert 1 == len(docs_generated.refresh(path, "x", "new", write=False))

    assert [] == docs_generated.refresh(path, "x", "new", write=True)
    assert [] == docs_generated.refresh(path, "x", "new", write=False)
    text = path.read_text(encoding="utf-8")
    assert f"{other}before\n<!-- generated: x -->\n\nnew\n\n<!-- /generated -->\nafter\n" == text


def test_document_without_its_generated_part_is_a_fault(write: Write) -> None:
    """Taking the markers away does not switch the check off."""
    assert 1 == len(docs_generated.refresh(write("docs/a.md", "nothing here\n"), "x", "new", write=False))


def test_constants_are_listed_with_value_and_comment(tmp_path: Path, write: Write) -> None:
    """What is said beside a bound, or above it, is what a reader is told."""
    write("poise/path/a.py", "MAX_BYTES = 2 * 1024  # beside\n# above,\n# in two\nMAX_TRIES = 3\nLEAST = 1\n")
    write("poise/sim/b.py", "MAX_RUN_S = 1\n")

    found = [(bound.name, bound.value, bound.comment) for bound in docs_constants.bounds(tmp_path)]

    assert [("MAX_BYTES", 2048, "beside"), ("MAX_TRIES", 3, "above, in two")] == found
    assert "[`MAX_BYTES`](../poise/path/a.py) | 2 KiB | beside |" in docs_constants.render(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("body_bytes", 32 * 1024 * 1024, "32 MiB"),
        ("MAX_EVENT_BYTES", 1500, "1,500 B"),
        ("stall_us", 2_500_000, "2.5 s"),
        ("grace_s", 30.0, "30 s"),
        ("body_bytes_per_s", 1024, "1 KiB/s"),
        ("connections", 16384, "16,384"),
        ("stream", "error", "`error`"),
    ],
)
def test_value_is_shown_with_the_unit_its_name_ends_in(name: str, value: object, text: str) -> None:
    """So the documents' figures can be compared with the code's."""
    assert text == docs_named.shown(name, value)


@pytest.mark.parametrize("kind", docs_named.SOURCES)
def test_each_kind_knows_something(kind: str) -> None:
    """An empty list would make its check unable to fail."""
    assert docs_named.SOURCES[kind]()
