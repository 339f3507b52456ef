"""The configurations that peers are measured with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from poise.edge.config import load, resolve
from poise.sim.bench.peers import HAPROXY, NGINX, PEERS, POISE, SGLANG, Site
from poise.sim.bench.wording import MODEL


def site(work: Path, *, tls: bool) -> Site:
    return Site(work=work, port=1, upstreams=(2, 3, 4), authority=work / "ca.pem" if tls else None)


def test_poise_runs_compiled_where_that_was_made(tmp_path: Path) -> None:
    """The build that was found before the rounds is the one in every round, and the table says which it is."""
    before = POISE.version(tmp_path)
    (tmp_path / "poise-native").write_text("/build")

    assert "PYTHONPATH" not in POISE.command(tmp_path / "elsewhere", site(tmp_path, tls=False)).env
    assert "/build" == POISE.command(tmp_path, site(tmp_path, tls=False)).env["PYTHONPATH"]
    assert before.endswith(" pure")
    assert POISE.version(tmp_path).endswith(" compiled")


@pytest.mark.parametrize("tls", [False, True])
def test_poise_runs_what_a_team_would_run(tmp_path: Path, tls: bool) -> None:
    """Its file is valid: three candidates at three providers, a key that may use them, no open door, retention on."""
    command = POISE.command(tmp_path, site(tmp_path, tls=tls))

    resolved = resolve(load(tmp_path / "poise.yaml", command.env))

    policy = resolved.policies[MODEL]
    assert 3 == len(policy.candidates)
    assert 3 == len({candidate.target.provider for candidate in policy.candidates})
    assert ["bench"] == [rule.name for rule in resolved.keys]
    assert not resolved.open
    assert 256 * 1024**2 == resolved.retention_bytes
    assert ["--workers", "1"] == command.argv[-2:]
    assert tmp_path / "poise-data" == command.data


def test_addresses_follow_tls(tmp_path: Path) -> None:
    """With an authority the upstream is https at the name in its certificate."""
    assert ("http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4") == site(tmp_path, tls=False).urls
    assert ("https://localhost:2", "https://localhost:3", "https://localhost:4") == site(tmp_path, tls=True).urls


def test_plain_and_tls_upstreams_are_configured_alike(tmp_path: Path) -> None:
    """Where TLS is spoken, nginx and haproxy verify the certificate as Poise does."""
    NGINX.command(tmp_path, site(tmp_path, tls=True))
    HAPROXY.command(tmp_path, site(tmp_path, tls=True))
    assert "proxy_ssl_verify on" in (tmp_path / "nginx.conf").read_text()
    assert "verify required" in (tmp_path / "haproxy.cfg").read_text()

    NGINX.command(tmp_path, site(tmp_path, tls=False))
    HAPROXY.command(tmp_path, site(tmp_path, tls=False))
    assert "ssl" not in (tmp_path / "nginx.conf").read_text()
    assert "verify" not in (tmp_path / "haproxy.cfg").read_text()


def test_sglang_router_balances_three_workers(tmp_path: Path) -> None:
    """Its upstreams are named one by one; it is left out where TLS to the upstream is measured."""
    argv = SGLANG.command(tmp_path, site(tmp_path, tls=False)).argv

    assert argv[argv.index("--worker-urls") + 1 :][:3] == list(site(tmp_path, tls=False).urls)
    assert [SGLANG] == [peer for peer in PEERS if not peer.tls]


@pytest.mark.parametrize("program", ["nginx", "haproxy"])
def test_a_missing_program_is_named_with_its_package(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of a table learns what to install."""
    peer = next(peer for peer in PEERS if peer.name == program)

    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert f"not installed (Debian package {program})" == peer.missing(Path())
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/true")
    assert "" == peer.missing(Path())


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    """Its own check finds no fault in the file."""
    argv = NGINX.command(tmp_path, site(tmp_path, tls=False)).argv

    assert 0 == subprocess.run([*argv, "-t"], capture_output=True, check=False).returncode


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")
def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    """Its own check finds no fault in the file."""
    argv = HAPROXY.command(tmp_path, site(tmp_path, tls=False)).argv

    assert 0 == subprocess.run([*argv, "-c"], capture_output=True, check=False).returncode
