"""Real processes under a supervisor: they start, they share, and what dies is replaced."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec

from tests.process.conftest import Launch, Start
from tests.process.gateway import Gateway, answer_in, ours, until


def test_both_workers_get_connections(start: Start) -> None:
    """The kernel spreads new connections over the workers' sockets."""
    gateway = start(workers=2)
    until(lambda: len({gateway.ask().index for _ in range(8)}) == 2, "both workers answer")
    counts = Counter(gateway.ask().index for _ in range(64))

    assert {0, 1} == set(counts)
    for pid in gateway.worker_pids().values():
        _served_by(gateway, pid)


def test_new_requests_are_answered_within_200_ms_of_a_workers_death(start: Start) -> None:
    """The survivor adopts the dead worker's socket: 32 connections made at a kill take 200 ms at most (median of 7)."""
    gateway = start(workers=2)
    waits_s = []
    for i in range(7):
        until(lambda: len(gateway.worker_pids()) == 2, "both workers are back")
        victim = gateway.worker_pids()[i % 2]
        _served_by(gateway, victim)
        os.kill(victim, signal.SIGKILL)
        begun_s = time.monotonic()
        answers = []
        for _ in range(32):
            try:
                answers.append(gateway.ask())
            except ConnectionError:
                continue  # accepted by the victim in its last instant
        waits_s.append(time.monotonic() - begun_s)

        assert len(answers) >= 24
        assert victim not in {answer.pid for answer in answers}
    assert statistics.median(waits_s) < 0.2, waits_s


def test_a_dead_workers_replacement_takes_its_own_socket_back(start: Start) -> None:
    """After a kill both indexes answer again, one of them with a new process, and each death is told."""
    gateway = start(workers=2)
    victim = gateway.ask_until(lambda answer: answer.index == 1, "worker 1 answers").pid
    os.kill(victim, signal.SIGKILL)
    until(lambda: gateway.worker_pids().get(1, victim) != victim, "worker 1 is replaced")
    fresh = gateway.worker_pids()[1]
    _served_by(gateway, fresh)
    # Its own socket is served by it alone again: the other one holds no second copy of it any more.
    survivor = gateway.worker_pids()[0]
    until(lambda: 1 == _accepted_on(survivor) == _accepted_on(fresh), "the socket was handed back")
    assert f"worker 1 (process {victim}) ended by signal 9" in gateway.stderr()


def _accepted_on(pid: int) -> int:
    """On how many listening sockets a worker accepts: it holds each inherited one once, and a copy of those it uses."""
    held: Counter[str] = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held[str(link.readlink())] += 1
    return sum(count > 1 for name, count in held.items() if name.startswith("socket:"))


def _served_by(gateway: Gateway, pid: int) -> None:
    def look() -> bool:
        try:
            return gateway.ask().pid == pid
        except ConnectionError:
            return False  # accepted by one that was killed in that instant

    until(look, f"process {pid} answers")


def test_with_one_worker_connections_wait_for_its_replacement(start: Start) -> None:
    """The listening socket stays open in the supervisor: what connects while nobody accepts is served, not refused."""
    gateway = start(workers=1)
    victim = gateway.ask().pid
    os.kill(gateway.pid, signal.SIGSTOP)  # so that nobody is there to replace it yet
    os.kill(victim, signal.SIGKILL)
    until(lambda: not gateway.worker_pids(), "the worker is gone")
    with gateway.connect() as waiting:
        os.kill(gateway.pid, signal.SIGCONT)
        answer = answer_in(b"".join(iter(lambda: waiting.recv(65536), b"")))

    assert 0 == answer.index
    assert victim != answer.pid


def test_control_can_die_without_a_request_noticing(start: Start) -> None:
    """Killed three times, control comes back; every request meanwhile is answered by the workers that were there."""
    gateway = start(workers=2)
    before = set(gateway.worker_pids().values())
    for _ in range(3):
        victim = until(gateway.control_pid, "control runs")
        os.kill(victim, signal.SIGKILL)
        while gateway.control_pid() in (None, victim):
            assert gateway.ask().pid in before
    assert before == set(gateway.worker_pids().values())


def test_a_unix_socket_is_shared_and_removed_at_the_end(start: Start, tmp_path: Path) -> None:
    """All workers accept on one Unix socket: with one of two killed it goes on, and a drain removes the file."""
    path = tmp_path / "poise.sock"
    gateway = start(workers=2, listen=f"unix:{path}")
    victim = gateway.ask().pid
    os.kill(victim, signal.SIGKILL)
    until(lambda: not ours(victim), "the worker is gone")

    assert victim != gateway.ask().pid
    gateway.tell(signal.SIGTERM)
    assert 0 == gateway.wait()
    assert not path.exists()


def test_a_second_supervisor_on_the_same_folder_is_refused(start: Start, launch: Launch, tmp_path: Path) -> None:
    """It says who holds the folder, exits 1, and the first goes on."""
    gateway = start(workers=1)
    second = launch(Gateway(tmp_path, workers=1))

    assert 1 == second.wait()
    assert f"is in use by process {gateway.pid}" in gateway.stderr()
    assert 0 == gateway.ask().index


def test_an_address_that_is_taken_is_refused(start: Start, launch: Launch, tmp_path: Path) -> None:
    """SO_REUSEPORT does not let a second gateway, with its own folder, take half of the first one's callers."""
    first = start(workers=1)
    address = "{}:{}".format(*first.address)
    (tmp_path / "other").mkdir()
    second = launch(Gateway(tmp_path / "other", workers=1, listen=address))

    assert 1 == second.wait()
    assert f"{address} cannot be opened: Address already in use" in second.stderr()
    assert "hint:" in second.stderr()


def test_a_worker_that_never_comes_up_ends_the_start(launch: Launch, tmp_path: Path) -> None:
    """Three false starts before anything was ever served: the supervisor says so and exits 1."""
    gateway = launch(Gateway(tmp_path, workers=1), "false-start")

    assert 1 == gateway.wait()
    assert "no worker came up in 3 tries" in gateway.stderr()
    assert "ended by exit code 7" in gateway.stderr()


def test_a_bad_file_is_told_at_the_start(launch: Launch, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, workers=1)
    gateway.file.write_text("{")
    launch(gateway)

    assert 1 == gateway.wait()
    assert str(gateway.file) in gateway.stderr()
    assert "Traceback" not in gateway.stderr()


def test_children_may_open_as_many_files_as_the_machine_allows(start: Start) -> None:
    """The soft limit of open files is raised to the hard one before the first child starts."""
    gateway = start(workers=1)
    pid = gateway.ask().pid
    line = next(s for s in Path(f"/proc/{pid}/limits").read_text().splitlines() if s.startswith("Max open files"))
    soft, hard = line.split()[3:5]

    assert hard == soft


def test_the_state_of_a_running_gateway_can_be_read(start: Start) -> None:
    gateway = start(workers=1)
    state = until(lambda: _state_with_admin(gateway), "the admin address is known")

    assert gateway.pid == state["pid"]
    assert "127.0.0.1:8701" == state["admin"]
    assert 0o700 == gateway.data.stat().st_mode & 0o777


def _state_with_admin(gateway: Gateway) -> dict[str, object] | None:
    state = msgspec.json.decode((gateway.data / "supervisor.json").read_bytes(), type=dict[str, object])
    return state if state["admin"] else None


def test_a_worker_imports_nothing_heavy() -> None:
    """No web framework, database, terminal or YAML in the processes that move bytes."""
    heavy = "fastapi", "starlette", "pydantic", "sqlalchemy", "alembic", "typer", "click", "rich", "yaml", "uvicorn"
    code = (
        f"import sys; from poise.edge import worker; worker.real_plane(); print(*(set({heavy!r}) & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "" == found.stdout.strip()
