"""Reloads of a running gateway: everything at once or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.process.conftest import Start
from tests.process.gateway import PATIENCE_S, Answer, Gateway, until


def _reload(gateway: Gateway) -> subprocess.CompletedProcess[str]:
    code = "import sys, pathlib; from poise.edge.reloading import reload; sys.exit(reload(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(gateway.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def _all_serve(gateway: Gateway, name: str) -> bool:
    return {name} == {gateway.ask().name for _ in range(16)}


def test_a_changed_file_is_served_by_all_without_being_asked(start: Start) -> None:
    """Workers and control hear of a new file by themselves; no worker is restarted for it."""
    gateway = start(workers=2)
    before = gateway.worker_pids()
    gateway.say("second")
    until(lambda: _all_serve(gateway, "second"), "all workers serve the new file")

    assert 2 == gateway.ask().epoch
    assert before == gateway.worker_pids()
    until(lambda: "epoch 2" in (gateway.data / "control.log").read_text(), "control heard of it")


def test_poise_reload_tells_what_is_in_force(start: Start) -> None:
    gateway = start(workers=1)
    gateway.say("second")
    done = _reload(gateway)

    assert 0 == done.returncode
    assert "epoch 2 is in force\n" == done.stdout
    until(lambda: "second" == gateway.ask().name, "the worker serves the new file")


def test_a_bad_file_leaves_the_last_good_one_in_force_and_is_told_once(start: Start) -> None:
    """Nothing changes, `poise reload` shows the problem and exits 1, and the log does not repeat it at every look."""
    gateway = start(workers=2)
    gateway.file.write_text('{"name": "half')
    done = _reload(gateway)
    again = _reload(gateway)

    assert (1, 1) == (done.returncode, again.returncode)
    assert str(gateway.file) in done.stderr
    assert "refused; epoch 1 stays in force\n" == done.stdout
    assert _all_serve(gateway, "first")
    assert 1 == gateway.stderr().count("reload: refused")

    gateway.say("third")
    until(lambda: _all_serve(gateway, "third"), "the repaired file is served")


def test_what_cannot_change_while_running_is_refused(start: Start, tmp_path: Path) -> None:
    """A new data folder or listening address needs a restart, and nothing else of that file is taken over either."""
    gateway = start(workers=1)
    gateway.say("second", data=tmp_path / "elsewhere")
    done = _reload(gateway)

    assert 1 == done.returncode
    assert "data: " in done.stderr
    assert "restart" in done.stderr
    assert "first" == gateway.ask().name


def test_a_replacement_starts_with_the_newest_file(start: Start) -> None:
    gateway = start(workers=1)
    gateway.say("second")
    assert 0 == _reload(gateway).returncode
    victim = gateway.ask().pid
    os.kill(victim, signal.SIGKILL)
    answer = gateway.ask_until(lambda answer: answer.pid != victim, "the replacement answers")

    assert ("second", 2) == (answer.name, answer.epoch)


def test_each_request_sees_one_version_and_never_an_older_one_again(start: Start) -> None:
    """Under a stream of reloads every answer carries one file's name with its own epoch, and epochs only grow."""
    gateway = start(workers=2)
    seen: list[Answer] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            seen.append(gateway.ask())

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for i in range(2, 6):
            gateway.say(f"name-{i}")
            assert 0 == _reload(gateway).returncode
        until(lambda: _all_serve(gateway, "name-5"), "all workers serve the last file")
    finally:
        over.set()
        asker.join(PATIENCE_S)
    names = {1: "first", **{i: f"name-{i}" for i in range(2, 6)}}

    assert len(seen) > 10
    assert {answer.name for answer in seen} <= set(names.values())
    assert all(names[answer.epoch] == answer.name for answer in seen)
    for index in (0, 1):
        epochs = [answer.epoch for answer in seen if answer.index == index]
        assert sorted(epochs) == epochs


def test_reload_says_where_nobody_serves(tmp_path: Path) -> None:
    done = _reload(Gateway(tmp_path))

    assert 1 == done.returncode
    assert "no `poise serve` runs here" in done.stderr
