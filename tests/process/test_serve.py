"""``poise serve`` itself: the command, the real data plane, the real control."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from poise.sim import kill9
from poise.sim.processes import Gateway, Region
from tests.process.gateway import PATIENCE_S, command, until

# The promise is 1 s on an idle machine, which the benchmark measures; here other tests may have the cores.
FIRST_ANSWER_S = 5.0
CONFIG = """\
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
data: {data}
providers: {{us: {{vendor: openai-compatible, url: "{url}", region: us, models: [{{name: sim}}]}}}}
workflows: {{chat: {{candidates: [sim], choose: order}}}}
keys: {{app: {{secret: env:CALLERS_KEY}}}}
"""


class Served:
    """A running ``poise serve`` over one simulated region."""

    def __init__(self, gateway: Gateway, data: Path, took_s: float) -> None:
        self.gateway = gateway
        self.data = data
        self.took_s = took_s
        host, _, port = gateway.addresses["data"].rpartition("/")[2].rpartition(":")
        self.address = host, int(port)

    def ask(self, path: str = "/v1/models", body: bytes = b"", *, key: str = kill9.KEY) -> bytes:
        """A whole answer on a new connection."""
        with socket.create_connection(self.address, timeout=PATIENCE_S) as sock:
            verb = b"POST" if body else b"GET"
            sock.sendall(
                verb
                + b" %b HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n" % path.encode()
                + b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n" % (key.encode(), len(body))
                + body
            )
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def chat(self) -> bytes:
        """A short chat."""
        body = b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}'
        return self.ask("/v1/chat/completions", body)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with ExitStack() as stack:
        region = stack.enter_context(Region("us", log=tmp_path / "region.log"))
        config, data = tmp_path / "poise.yaml", tmp_path / "data"
        config.write_text(CONFIG.format(data=data, url=region.url))
        begun_s = time.monotonic()
        gateway = stack.enter_context(
            Gateway(config, log=tmp_path / "gateway.log", env={"CALLERS_KEY": kill9.KEY}, workers=2)
        )
        running = Served(gateway, data, 0.0)
        assert running.ask().startswith(b"HTTP/1.1 200 ")
        running.took_s = time.monotonic() - begun_s
        yield running


def test_the_first_answer_comes_soon_after_the_command(served: Served) -> None:
    """Supervisor, configuration and one worker stand before the first answer; control and the rest come after it."""
    assert served.took_s < FIRST_ANSWER_S
    assert served.gateway.wait_for("admin").startswith("http://127.0.0.1:")


def test_control_can_die_while_chats_are_answered(served: Served) -> None:
    """Workers go on with the last snapshot, and what they decided meanwhile is in the store in the end."""
    served.gateway.wait_for("admin")
    victim = kill9.family_of(served.gateway.pid)["control"]
    os.kill(victim, signal.SIGKILL)
    answers = [served.chat() for _ in range(20)]
    assert 0 == served.gateway.stop()
    outcomes, _, _ = kill9.stored(served.data)

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert [1] * 20 == list(outcomes.values())


def test_a_new_file_is_in_force_after_poise_reload(served: Served, tmp_path: Path) -> None:
    """A workflow that a reload adds answers, and a broken file afterwards changes nothing."""
    config = tmp_path / "poise.yaml"
    good = config.read_text()
    with_more = good.replace("workflows: {chat:", "workflows: {more: {candidates: [sim]}, chat:")
    config.write_text(with_more)

    assert (0, "epoch 2 is in force\n") == _reload(served.data)[:2]
    until(lambda: b'"more"' in served.ask(), "the new workflow is listed")
    config.write_text(with_more.replace("candidates: [sim]", "candidates: [nobody]"))
    code, _, said = _reload(served.data)
    assert 1 == code
    assert "poise.yaml:" in said
    assert "nobody" in said
    assert b'"more"' in served.ask()


def _reload(data: Path) -> tuple[int, str, str]:
    code = "import sys; from poise.edge.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "reload", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_killed_supervisor_leaves_no_process_and_no_socket(served: Served) -> None:
    """Workers drain, control stores what they did and ends last; no process, no control.sock, no journal stays."""
    served.gateway.wait_for("admin")
    until(lambda: len(kill9.family_of(served.gateway.pid)) == 3, "all children run")
    family = kill9.family_of(served.gateway.pid)
    assert served.chat().startswith(b"HTTP/1.1 200 ")
    os.kill(served.gateway.pid, signal.SIGKILL)
    until(lambda: not any(map(command, family.values())), "all children are gone")
    outcomes, _, _ = kill9.stored(served.data)

    assert [1] == list(outcomes.values())
    assert not (served.data / "control.sock").exists()
    assert [] == list((served.data / "journal").iterdir())
