"""explain, replay and status: what they print, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from poise.decision import encode_decision, show_id
from poise.edge import cli_store
from poise.edge.admin import board_text, view
from poise.edge.admin.condition import Condition
from poise.edge.admin.text import WIDTH, duration, page, safe
from poise.edge.cli import app
from poise.signal import Board, Measure, Reading, TargetSignals, WorkerSignals
from tests.admin.calls import snapshot
from tests.store.samples import DECISION, NOW_US, POLICY, policy
from tests.store.stores import FIRST, World, begin, end


def _filled(data: Path) -> None:
    with World(data) as world:
        writer = world.writer()
        for number in range(6):
            begin(writer, number, conversation="c-1" if number == 2 else "")
            end(writer, number)
        writer.refused(FIRST + 9, "invalid_api_key", "support-chat", "", 401)
        world.step()


def test_the_last_decision_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`last` is the newest that was decided: refusals at the door do not hide it."""
    _filled(tmp_path)
    code = cli_store.explain("last", tmp_path, "", json_=False)
    text = capsys.readouterr().out

    assert 0 == code
    assert text.startswith(show_id(FIRST + 5))
    for part in (
        "Facts",
        "Budget",
        "Posture",
        "steady",
        "Candidates",
        "dropped, ejected",
        "Signals",
        "stale",
        "missing",
    ):
        assert part in text
    for part in ("Attempts", "overload: busy", "Outcome", "completed", "Cost", "0.003225 USD", "otherwise"):
        assert part in " ".join(text.split())


def test_an_explanation_fits_80_columns_without_colour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No line is longer than a terminal, and no escape sequence is in it."""
    _filled(tmp_path)
    cli_store.explain(show_id(FIRST), tmp_path, "", json_=False)
    lines = capsys.readouterr().out.splitlines()

    assert [] == [line for line in lines if len(line) > WIDTH]
    assert not any("\x1b" in line for line in lines)


def test_json_is_the_api_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one JSON document and nothing else on stdout."""
    _filled(tmp_path)
    code = cli_store.explain(show_id(FIRST), tmp_path, "", json_=True)
    told = msgspec.json.decode(capsys.readouterr().out)

    assert 0 == code
    assert (show_id(FIRST), "completed") == (told["id"], told["outcome"])


def test_a_conversations_newest_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--conversation needs no id."""
    _filled(tmp_path)
    cli_store.explain("last", tmp_path, "c-1", json_=True)

    assert show_id(FIRST + 2) == msgspec.json.decode(capsys.readouterr().out)["id"]


@pytest.mark.parametrize(("ref", "code"), [("nonsense", 2), ("d-0000000000000001", 1)])
def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], ref: str, code: int) -> None:
    """A wrong id and an unknown one differ in their exit code; both hint, on stderr."""
    _filled(tmp_path)

    assert code == cli_store.explain(ref, tmp_path, "", json_=False)
    said = capsys.readouterr()
    assert "" == said.out
    assert "hint:" in said.err


def test_no_store_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a store is an error with a hint."""
    assert 1 == cli_store.explain("last", tmp_path, "", json_=False)
    assert "hint:" in capsys.readouterr().err


def test_a_decision_that_is_still_in_the_journal_is_waited_for(tmp_path: Path) -> None:
    """Asked for the last one, explain lets the store catch up with what was recorded before it was asked."""
    with World(tmp_path) as world:
        writer = world.writer()
        world.step()
        begin(writer, 0)
        end(writer, 0)
        looks = []

        class Slow:
            def wait(self, _: float) -> None:
                looks.append(1)
                if len(looks) == 3:
                    world.step()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("poise.edge.cli_store.threading.Event", Slow)
            code = cli_store.explain("last", tmp_path, "", json_=True)

    assert 0 == code
    assert 3 == len(looks)


def test_recorded_decisions_replay_identically(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--all, --last N and single ids: identical, exit 0; refusals are counted apart."""
    _filled(tmp_path)

    assert 0 == cli_store.replay([], tmp_path, every=True)
    assert "6 identical, 1 refused before a decision\n" == capsys.readouterr().out
    assert 0 == cli_store.replay([], tmp_path, last=3)
    assert "2 identical, 1 refused before a decision\n" == capsys.readouterr().out
    assert 0 == cli_store.replay(["last", show_id(FIRST)], tmp_path, json_=True)
    assert {"counts": {"identical": 2}, "not_identical": []} == msgspec.json.decode(capsys.readouterr().out)


def _store_one(data: Path, raw: bytes) -> None:
    with World(data) as world:
        writer = world.writer()
        writer.opened(FIRST, POLICY.digest, "support-chat", "", "web-app", raw, False)
        end(writer, 0)
        world.step()


def test_a_different_verdict_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record whose verdict is not what its inputs give exits 1 and shows both."""
    other = msgspec.structs.replace(DECISION.verdict, choice=3)
    _store_one(tmp_path, encode_decision(msgspec.structs.replace(DECISION, id=FIRST, verdict=other)))

    assert 1 == cli_store.replay(["last"], tmp_path)
    text = capsys.readouterr().out
    assert "different" in text
    assert "was [3" in text
    assert "now [0" in text


def test_other_rules_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A decision by other rules is not compared: exit 3."""
    inputs = msgspec.structs.replace(DECISION.inputs, rules=b"\1" * 8)
    _store_one(tmp_path, encode_decision(msgspec.structs.replace(DECISION, id=FIRST, inputs=inputs)))

    assert 3 == cli_store.replay(["last"], tmp_path)
    assert "1 other rules" in capsys.readouterr().out


def test_an_unknown_policy_cannot_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the policy's content was never told, replay says so and does not pass."""
    inputs = msgspec.structs.replace(DECISION.inputs, policy=policy("another").digest)
    _store_one(tmp_path, encode_decision(msgspec.structs.replace(DECISION, id=FIRST, inputs=inputs)))

    assert 1 == cli_store.replay(["last"], tmp_path)
    assert "1 policy not known" in capsys.readouterr().out


def test_replay_of_nothing_is_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither ids nor --last nor --all: exit 2, with a hint."""
    assert 2 == cli_store.replay([], tmp_path)
    assert "--all" in capsys.readouterr().err


def test_what_comes_from_outside_cannot_act_on_the_terminal() -> None:
    """Escape sequences and line breaks in names are shown, not sent."""
    assert "\\x1b[31mred\\n" == safe("\x1b[31mred\n")


def test_hostile_names_stay_on_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A conversation full of escape sequences does not reach the terminal."""
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0, conversation="\x1b]0;owned\x07\r\nx")
        end(writer, 0)
        world.step()
    cli_store.explain("last", tmp_path, "", json_=False)
    text = capsys.readouterr().out

    assert "\x1b" not in text
    assert "\r" not in text
    assert "\\x1b]0;owned" in text


@pytest.mark.parametrize(
    ("us", "text"),
    [(None, "-"), (-1, "-"), (0, "0 us"), (999, "999 us"), (1500, "1.5 ms"), (420_000, "420 ms"), (30_000_000, "30 s")],
)
def test_durations_are_short(us: int | None, text: str) -> None:
    """Three digits and a unit."""
    assert text == duration(us)


def test_a_decision_without_detail_says_so(tmp_path: Path) -> None:
    """Where the journal was short of space the page says what is missing."""
    with World(tmp_path) as world:
        end(world.writer(), 0)
        world.step()
    from poise.edge.admin.explain import explain
    from poise.store.query import Archive

    with Archive(tmp_path) as archive:
        row = archive.get(FIRST)
        assert row is not None
        text = page(explain(row, None))

    assert "detail was not kept" in text


def test_status_shows_workflows_and_targets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables hold objective against attained, health, latency and cost; no colour where none is wanted."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    condition = Condition(snapshot(tmp_path), NOW_US)
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0)
        end(writer, 0)
        condition.take_report(world.step())
    reading = Reading(3, 0, NOW_US + 2_000_000, Measure(420_000, 1, 9, NOW_US))
    signals = WorkerSignals(0, 1, NOW_US, 0, (), {}, {})
    condition.take_signals([signals], Board(NOW_US, (TargetSignals("gpt-5.2@openai-us", reading),)))
    board_text.show(view.status(condition, NOW_US))
    text = capsys.readouterr().out

    for part in (
        "support-chat",
        "100.0% within 800 ms",
        "100.0% of 99.9 %",
        "gpt-5.2@openai-us",
        "out for 2 s",
        "420 ms",
    ):
        assert part in text
    assert "\x1b" not in text


def test_status_leaves_out_idle_models_that_nobody_listed_as_workflows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bare model, or a model at a provider, shows once it has a request; a written workflow always."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    pinned = POLICY.candidates[0]
    implicit = [
        msgspec.structs.replace(POLICY, workflow=name, candidates=(pinned,))
        for name in (pinned.target.model, pinned.target.id)
    ]
    policies = {each.workflow: each for each in (POLICY, *implicit)}
    condition = Condition(msgspec.structs.replace(snapshot(tmp_path), policies=policies), NOW_US)
    told = view.status(condition, NOW_US)
    names = {row["workflow"]: row["implicit"] for row in told["workflows"]}
    board_text.show({**told, "targets": []})
    idle = capsys.readouterr().out
    for row in told["workflows"]:
        row.update(requests=2, requests_per_s=2 / 60)
    board_text.show({**told, "targets": []})
    busy = capsys.readouterr().out

    assert {"support-chat": False, pinned.target.model: True, pinned.target.id: True} == names
    assert "support-chat" in idle
    assert pinned.target.model not in idle
    assert pinned.target.id in busy
    assert "0.03" in busy


def test_commands_look_where_the_configuration_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --data the folder is that of ./poise.yaml; --data has the last word."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "poise.yaml").write_text("version: 1\ndata: elsewhere\n")
    for command in (["status", "--once"], ["explain"], ["replay", "last"], ["reload"]):
        for more, folder in (([], "elsewhere"), (["--data", "mine"], "mine")):
            with pytest.raises(SystemExit) as end:
                app([*command, *more])

            assert 1 == end.value.code
            assert folder in capsys.readouterr().err.splitlines()[0]


def test_status_of_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing runs on the folder: exit 1 and a hint."""
    assert 1 == cli_store.status(tmp_path, json_=False, once=True)
    assert "poise serve" in capsys.readouterr().err
