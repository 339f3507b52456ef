"""The command's words: misuse is told, tables are printed and written without measuring."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import Error
from poise.sim.bench import main, wrk
from poise.sim.bench.exchange import free_ports, whole_answer
from poise.sim.bench.rounds import Results, Round, save
from poise.sim.bench.table import BEGIN, END

MEASURED = Results(
    machine={"cpu": "x"},
    rounds=[Round(part="chat-even", peer="nginx", number=1, values={"cpu_us_per_request": 10.0})],
)


def test_a_table_is_printed_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--table FILE`` measures nothing."""
    save(MEASURED, tmp_path / "r.json")

    assert 0 == main(["--table", str(tmp_path / "r.json")])
    assert "| CPU per request, same offered rate, us | 10.0 |" in capsys.readouterr().out


def test_a_readme_is_written_from_a_file(tmp_path: Path) -> None:
    """``--readme`` replaces what is between the marks."""
    save(MEASURED, tmp_path / "r.json")
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}{END}")

    assert 0 == main(["--out", str(tmp_path / "r.json"), "--readme", str(readme)])
    assert "| 10.0 |" in readme.read_text()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["dance"], "no case is called dance"),
        (["chat", "--peers", "apache"], "no peer is called apache"),
        (["--table", "none.json"], "there is no none.json"),
    ],
)
def test_misuse_is_told_with_a_hint(
    asked: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was wrong, and what would have been right."""
    monkeypatch.chdir(tmp_path)

    assert 2 == main(asked)
    said = capsys.readouterr().err
    assert told in said
    assert "hint:" in said


def test_wrks_report_is_found_in_its_talk() -> None:
    """Answers of status 400 and above are complete, but not good."""
    talk = (
        "Running 1s test @ http://127.0.0.1:1\n  1 threads and 32 connections\n"
        'BENCH {"requests":1000,"took_us":2000000,"status":7,"connect":1,"read":2,"write":3,"timeout":4}\n'
    )

    report = wrk.parse(talk)

    assert 993 == report.good
    assert 17 == report.errors
    with pytest.raises(Error, match="no report"):
        wrk.parse("unable to connect")


def test_an_answer_is_whole_with_its_last_byte() -> None:
    """By length or by the last chunk; another status than 200 is an error."""
    sized = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

    for data in (sized, chunked):
        assert whole_answer(data)
        assert not any(
            whole_answer(data[:length]) for length in range(len(data)) if data[:length].startswith(b"HTTP/1.1 200")
        )
    with pytest.raises(Error, match="503"):
        whole_answer(b"HTTP/1.1 503 no\r\n\r\n")


def test_free_ports_differ() -> None:
    """Two peers never get the same one at once."""
    assert 3 == len(set(free_ports(3)))
