"""How it ends: drained, in a hurry, or killed. In each case nothing is left behind."""

from __future__ import annotations

import functools
import os
import signal
import socket
from pathlib import Path

from tests.process.conftest import Launch, Start
from tests.process.gateway import Gateway, ours, until


def _rest(stream: socket.socket) -> bytes:
    return b"".join(iter(lambda: stream.recv(65536), b""))


def _family(gateway: Gateway) -> list[int]:
    control = until(gateway.control_pid, "control runs")
    return [*gateway.worker_pids().values(), control]


def _all_gone(pids: list[int]) -> bool:
    return not any(map(ours, pids))


def test_sigterm_does_not_cut_a_live_stream(start: Start) -> None:
    """A stream shorter than the grace time ends well, new connections are refused, and the exit code is 0."""
    gateway = start(workers=2, grace_s=15)
    family = _family(gateway)
    with gateway.connect("/stream/25") as stream:
        assert b"pulse" in stream.recv(65536) + stream.recv(65536)
        gateway.tell(signal.SIGTERM)
        until(lambda: _refused(gateway), "new connections are refused")
        rest = _rest(stream)

    assert rest.endswith(b"pulse\nend\n")
    assert 0 == gateway.wait()
    assert _all_gone(family)


def _refused(gateway: Gateway) -> bool:
    try:
        gateway.connect().close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_a_stream_longer_than_the_grace_time_is_told_its_end(start: Start) -> None:
    """After the grace time the plane cuts in its own words; the supervisor does not kill it before it could."""
    gateway = start(workers=1, grace_s=0.2)
    with gateway.connect("/stream/100000") as stream:
        stream.recv(1)
        gateway.tell(signal.SIGTERM)
        rest = _rest(stream)

    assert rest.endswith(b"cut\n")
    assert 0 == gateway.wait()


def test_a_second_signal_ends_at_once(start: Start) -> None:
    """Whoever asks twice does not wait for the grace time, and streams still get their last word."""
    gateway = start(workers=1, grace_s=600)
    with gateway.connect("/stream/1000000") as stream:
        stream.recv(1)
        gateway.tell(signal.SIGINT)
        until(lambda: "draining" in gateway.stderr(), "it drains")
        gateway.tell(signal.SIGINT)
        rest = _rest(stream)

    assert rest.endswith(b"cut\n")
    assert 0 == gateway.wait()


def test_control_ends_last(start: Start) -> None:
    """Control's end is noted after the last worker's, so that all they did can be stored."""
    gateway = start(workers=2, grace_s=15)
    log = gateway.data / "control.log"
    until(log.exists, "control runs")
    with gateway.connect("/stream/25") as stream:
        stream.recv(1)
        gateway.tell(signal.SIGTERM)
        while b"end\n" not in (data := stream.recv(65536)):
            assert data
            assert "end" not in log.read_text()
    assert 0 == gateway.wait()
    assert log.read_text().endswith("end\n")


def test_a_control_that_is_dead_at_the_end_is_started_to_store_what_is_left(start: Start) -> None:
    """Killed right before the drain, control is not there when the workers end: another one ends in its place."""
    gateway = start(workers=1)
    log = gateway.data / "control.log"
    victim = until(gateway.control_pid, "control runs")
    until(log.exists, "control serves")
    gateway.tell(signal.SIGSTOP)  # so that the supervisor sees death and drain together
    os.kill(victim, signal.SIGKILL)
    gateway.tell(signal.SIGTERM)
    gateway.tell(signal.SIGCONT)

    assert 0 == gateway.wait()
    owner, word = log.read_text().splitlines()[-1].split()
    assert "end" == word
    assert str(victim) != owner


def test_a_killed_supervisor_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    """Its children drain by themselves, control last: a stream ends well, then no process or socket file is left."""
    path = tmp_path / "poise.sock"
    gateway = start(workers=2, grace_s=15, listen=f"unix:{path}")
    family = _family(gateway)
    log = gateway.data / "control.log"
    until(log.exists, "control serves")
    with gateway.connect("/stream/25") as stream:
        stream.recv(1)
        gateway.tell(signal.SIGKILL)
        rest = b""
        while not rest.endswith(b"pulse\nend\n"):
            rest += (data := stream.recv(65536))
            assert data, "the stream was cut"
            assert "end" not in log.read_text(), "control went before the last worker"

    until(lambda: _all_gone(family), "all children are gone")
    assert not path.exists()
    assert log.read_text().endswith("end\n")


def test_after_a_kill_the_next_one_serves_at_once_and_its_control_waits_its_turn(
    start: Start, launch: Launch, tmp_path: Path
) -> None:
    """While the old children drain, the new workers serve; the new control begins only when the old one ended."""
    gateway = start(workers=1, grace_s=600)
    log = gateway.data / "control.log"
    old_control = until(gateway.control_pid, "control runs")
    with gateway.connect("/stream/1000000") as stream:
        stream.recv(1)
        old_worker = gateway.worker_pids()[0]
        gateway.tell(signal.SIGKILL)
        gateway.wait()
        until(lambda: _refused(gateway), "the old worker accepts no more")
        successor = launch(Gateway(tmp_path, workers=1))
        successor.read_address()

        assert successor.ask().pid != old_worker
        until(lambda: "waiting for an earlier control" in successor.stderr(), "the new control waits")
        assert {str(old_control)} == {line.split()[0] for line in log.read_text().splitlines()}
    # The stream's client is gone, so the old worker has nothing left to wait for.
    assert "admin" in successor.line()
    until(lambda: "epoch" in log.read_text().splitlines()[-1], "the new control serves")
    notes = [line.split() for line in log.read_text().splitlines()]
    assert [str(old_control), "end"] in notes
    assert str(old_control) != notes[-1][0]


def test_no_zombie_stays(start: Start) -> None:
    """Children that died are reaped: the supervisor has no zombie after kills and replacements."""
    gateway = start(workers=2)
    for _ in range(3):
        victim = until(lambda: gateway.worker_pids().get(0), "worker 0 runs")
        os.kill(victim, signal.SIGKILL)
        until(functools.partial(_reaped, victim), "the dead are reaped")

    assert "worker 0" in gateway.stderr()


def _reaped(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()
