"""The table: what it shows, what it must not hide, and when the README's is stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.sim.bench.rounds import Limits, Results, Round, judged, save
from poise.sim.bench.table import BEGIN, END, failures, markdown, rewritten, table_is_current


def chat(peer: str, cpu_us: float, *, load_core_share: float = 0.5, number: int = 1, **more: float) -> Round:
    values = {"cpu_us_per_request": cpu_us, **more}
    found = Round(part="chat-even", peer=peer, number=number, values=values, load_core_share=load_core_share)
    return judged(found, Limits())


def results(*found: Round) -> Results:
    return Results(
        machine={"cpu": "Some CPU", "cores": "2", "kernel": "6.1", "python": "3.11.9"},
        measured={"chat-even": "2026-03-04T05:06Z"},
        versions={"nginx": "1.22.1"},
        rounds=list(found),
    )


def row(text: str, title: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {title}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_cell_is_median_extremes_and_ratio() -> None:
    """Poise's ratio is to nginx's median; nginx itself shows none."""
    text = markdown(results(chat("nginx", 10.0), chat("poise", 30.0), chat("poise", 42.0), chat("poise", 40.0)))

    assert ["40.0 (30.0 to 42.0), **4.00x**", "10.0"] == row(text, "CPU per request, same")
    assert text.startswith("|  | poise | nginx 1.22.1 |")


def test_discarded_rounds_are_bracketed_and_counted() -> None:
    """A peer whose every round was discarded shows its figure in brackets and no ratio is made with it."""
    text = markdown(results(chat("nginx", 10.0, load_core_share=0.99), chat("poise", 30.0)))

    assert ["30.0", "[10.0]"] == row(text, "CPU per request, same")
    assert "1 rounds count, 1 were discarded (load core too busy: 1)" in text


def test_lines_without_a_figure_are_left_out() -> None:
    """A part that was not measured is no row of blanks."""
    assert "800 streams" not in markdown(results(chat("nginx", 10.0)))


def test_machine_day_and_missing_peers_are_named() -> None:
    """A figure is shown with what it was measured on, and a peer that is not there is said."""
    measured = results(chat("nginx", 10.0))
    measured.missing = {"haproxy": "not installed (Debian package haproxy)"}

    text = markdown(measured)

    assert "Measured 2026-03-04 with `make bench` on 2 cores of Some CPU, Linux 6.1, Python 3.11.9" in text
    assert "Missing: haproxy, not installed (Debian package haproxy)." in text


def test_what_went_wrong_is_said_even_of_discarded_rounds() -> None:
    """Missing decisions and errors are added up over all rounds of a peer."""
    measured = results(
        chat("poise", 30.0, decisions_missing=2.0),
        chat("poise", 30.0, decisions_missing=1.0, load_core_share=1.0),
        chat("nginx", 10.0, errors=5.0),
    )

    assert ["nginx, chat-even: 5 errors.", "poise, chat-even: 3 decisions missing."] == failures(measured)
    assert "poise, chat-even: 3 decisions missing." in markdown(measured)
    assert [] == failures(results(chat("nginx", 10.0, errors=0.0)))


README = f"# Poise\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n"


def test_only_what_is_between_the_marks_is_rewritten() -> None:
    """Writing twice gives the same; the words around it stay."""
    measured = results(chat("nginx", 10.0))

    once = rewritten(README, measured)

    assert once.startswith(f"# Poise\n\n{BEGIN}\n|")
    assert once.endswith(f"{END}\n\nThe rest.\n")
    assert "old" not in once
    assert once == rewritten(once, measured)


@pytest.mark.parametrize("text", ["no marks", f"{BEGIN} only", f"{END} before {BEGIN}", README + README])
def test_marks_that_are_not_one_pair_are_refused(text: str) -> None:
    """A README with no place for the table, or two, is not guessed at."""
    with pytest.raises(ValueError, match="once each"):
        rewritten(text, results())


def test_a_table_is_current_only_with_its_own_results(tmp_path: Path) -> None:
    """New results, an edited table, or a missing file make it stale."""
    readme, kept = tmp_path / "README.md", tmp_path / "results.json"
    measured = results(chat("nginx", 10.0))
    save(measured, kept)
    readme.write_text(rewritten(README, measured))
    assert table_is_current(readme, kept)

    save(results(chat("nginx", 11.0)), kept)
    assert not table_is_current(readme, kept)

    save(measured, kept)
    readme.write_text(readme.read_text().replace("10.0", "9.0"))
    assert not table_is_current(readme, kept)

    readme.write_text("no marks")
    assert not table_is_current(readme, kept)
    assert not table_is_current(tmp_path / "none.md", kept)
    assert not table_is_current(readme, tmp_path / "none.json")
