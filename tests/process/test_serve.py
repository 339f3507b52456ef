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

CHAT = "/v1/chat/completions"
# The promise is 1 s on an idle machine, which the benchmark measures; here other tests may have the cores.
FIRST_ANSWER_S = 5.0
CONFIG = """\
version: 1
listen: {listen}
admin: 127.0.0.1:0
data: {data}
providers:
  us: {{vendor: openai-compatible, url: "{url}", region: us, models: [{{name: sim}}]}}
  slow: {{vendor: openai-compatible, url: "{slow}", region: us, models: [{{name: sim-slow}}]}}
workflows: {{chat: {{candidates: [sim], choose: order}}}}
keys: {{app: {{secret: env:CALLERS_KEY}}}}
"""


class Served:
    """A running ``poise serve`` over two simulated regions, one of them slow."""

    def __init__(self, gateway: Gateway, data: Path) -> None:
        self.gateway = gateway
        self.data = data
        self.took_s = 0.0

    def connect(self) -> socket.socket:
        """A new connection to the data port."""
        url = self.gateway.addresses["data"]
        if url.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE_S)
            sock.connect(url.removeprefix("unix:"))
            return sock
        host, _, port = url.rpartition("/")[2].rpartition(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE_S)

    def begin(self, path: str = "/v1/models", body: bytes = b"") -> socket.socket:
        """A connection on which a request has been sent."""
        sock = self.connect()
        verb, size, key = (b"POST" if body else b"GET"), len(body), kill9.KEY.encode()
        sock.sendall(
            b"%b %b HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n" % (verb, path.encode())
            + b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b" % (key, size, body)
        )
        return sock

    def ask(self, path: str = "/v1/models", body: bytes = b"") -> bytes:
        """A whole answer on a new connection."""
        with self.begin(path, body) as sock:
            return rest(sock)

    def chat(self) -> bytes:
        """A short chat."""
        return self.ask(CHAT, b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}')


def rest(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def _serve(folder: Path, stack: ExitStack, listen: str) -> Served:
    fast = stack.enter_context(Region("us", log=folder / "region.log"))
    slow = stack.enter_context(Region("slow", log=folder / "slow.log", tokens_per_s=20.0))
    config, data = folder / "poise.yaml", folder / "data"
    config.write_text(CONFIG.format(data=data, url=fast.url, slow=slow.url, listen=listen))
    gateway = Gateway(config, log=folder / "gateway.log", env={"CALLERS_KEY": kill9.KEY}, workers=2)
    served = Served(gateway, data)
    begun_s = time.monotonic()
    stack.enter_context(gateway)
    assert served.ask().startswith(b"HTTP/1.1 200 ")
    served.took_s = time.monotonic() - begun_s
    return served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with ExitStack() as stack:
        yield _serve(tmp_path, stack, "127.0.0.1:0")


def test_the_first_answer_comes_soon_after_the_command(served: Served) -> None:
    """Supervisor, configuration and one worker stand before the first answer; control and the rest come after it."""
    assert served.took_s < FIRST_ANSWER_S
    assert served.gateway.wait_for("admin").startswith("http://127.0.0.1:")


def test_a_unix_socket_is_served_too(tmp_path: Path) -> None:
    """Both workers accept on one Unix socket, and it is gone after the drain."""
    path = tmp_path / "poise.sock"
    with ExitStack() as stack:
        served = _serve(tmp_path, stack, f"unix:{path}")
        answers = [served.chat() for _ in range(4)]
        assert 0 == served.gateway.stop()

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert not path.exists()


def test_sigterm_lets_a_live_stream_end(served: Served) -> None:
    """The drain waits for the stream: its caller gets every event and the proper end, and the record says so."""
    body = b'{"model":"sim-slow","stream":true,"messages":[{"role":"user","content":"hello"}]}'
    with served.begin(CHAT, body) as stream:
        head = stream.recv(65536)
        os.kill(served.gateway.pid, signal.SIGTERM)
        tail = rest(stream)
    assert 0 == served.gateway.stop()
    outcomes, _, _ = kill9.stored(served.data)

    assert b"[DONE]" not in head
    assert tail.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert [1] == list(outcomes.values())


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
