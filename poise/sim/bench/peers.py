"""What runs side by side: for each peer whether it is here, its version, and the command that starts it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from poise.sim.bench import native
from poise.sim.bench.exchange import free_ports
from poise.sim.bench.wording import KEY, fill

_CONFIG = Path(__file__).parent / "config"
SGLANG_ROUTER = "0.3.2"
_INSTALL_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a peer is put: its folder, its port, the upstream it stands before; authority is a PEM file where TLS."""

    work: Path
    port: int
    upstreams: tuple[int, int, int]
    authority: Path | None = None

    @property
    def urls(self) -> tuple[str, str, str]:
        """The upstream's three addresses."""
        scheme, host = ("https", "localhost") if self.authority else ("http", "127.0.0.1")
        first, second, third = (f"{scheme}://{host}:{port}" for port in self.upstreams)
        return first, second, third


@dataclass(frozen=True, kw_only=True)
class Command:
    """How to start a peer. data: the folder with its decisions, for a peer that has some."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    data: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A program to measure. missing() is why it cannot run here, '' if it can; it may install what it needs."""

    name: str
    missing: Callable[[Path], str]
    version: Callable[[Path], str]
    command: Callable[[Path, Site], Command]
    tls: bool = True


def _installed(program: str) -> Callable[[Path], str]:
    def missing(home: Path) -> str:
        return "" if shutil.which(program) else f"not installed (Debian package {program})"

    return missing


def _said(program: str, *arguments: str) -> Callable[[Path], str]:
    def version(home: Path) -> str:
        argv = [shutil.which(program) or program, *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603  # the peer itself
        found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        return found.group() if found else "unknown"

    return version


def _nginx(home: Path, site: Site) -> Command:
    tls = (
        f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {site.authority}; proxy_ssl_name localhost; "
        "proxy_ssl_server_name on; proxy_ssl_session_reuse on;"
    )
    values = {"work": site.work, "port": site.port, "upstream": f"127.0.0.1:{site.upstreams[0]}"}
    text = fill(
        _CONFIG / "nginx.conf",
        **values,
        scheme="https" if site.authority else "http",
        tls=tls if site.authority else "",
    )
    path = site.work / "nginx.conf"
    path.write_text(text)
    return Command(argv=["nginx", "-p", str(site.work), "-e", str(site.work / "nginx.log"), "-c", str(path)])


def _haproxy(home: Path, site: Site) -> Command:
    tls = f"ssl verify required ca-file {site.authority} sni str(localhost) verifyhost localhost"
    text = fill(
        _CONFIG / "haproxy.cfg",
        port=site.port,
        upstream=f"127.0.0.1:{site.upstreams[0]}",
        tls=tls if site.authority else "",
    )
    path = site.work / "haproxy.cfg"
    path.write_text(text)
    return Command(argv=["haproxy", "-db", "-f", str(path)])


def _sglang_python(home: Path) -> Path:
    return home / "venv-sglang" / "bin" / "python"


def _sglang_missing(home: Path) -> str:
    python = _sglang_python(home)
    probe = [str(python), "-c", "import sglang_router"]
    if python.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0:  # noqa: S603  # ours
        return ""
    steps = (
        [sys.executable, "-m", "venv", str(python.parents[1])],
        [str(python), "-m", "pip", "install", "--quiet", f"sglang-router=={SGLANG_ROUTER}"],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=_INSTALL_S)  # noqa: S603  # ours
        except subprocess.TimeoutExpired:
            return f"{step[2]} did not end within {_INSTALL_S:.0f} s"
        if done.returncode:
            return f"could not be installed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"
    return ""


def _sglang(home: Path, site: Site) -> Command:
    options = ["--policy", "round_robin", "--log-level", "error", "--prometheus-port", str(free_ports(1)[0])]
    addressed = ["--host", "127.0.0.1", "--port", str(site.port), "--worker-urls", *site.urls]
    return Command(argv=[str(_sglang_python(home)), "-m", "sglang_router.launch_router", *addressed, *options])


def _poise_missing(home: Path) -> str:
    native.make(home)
    return ""


def _poise(home: Path, site: Site) -> Command:
    data = site.work / "poise-data"
    first, second, third = site.urls
    text = fill(
        _CONFIG / "poise.yaml",
        port=site.port,
        admin=free_ports(1)[0],
        data=data,
        first=first,
        second=second,
        third=third,
        tls=f'ca: "file:{site.authority}", ' if site.authority else "",
    )
    path = site.work / "poise.yaml"
    path.write_text(text)
    entry = "import sys; from poise.edge.cli import main; sys.exit(main())"
    env = {"BENCH_KEY": KEY, "BENCH_UPSTREAM_KEY": "sk-upstream"}
    if folder := native.built(home):
        env["PYTHONPATH"] = folder
    return Command(argv=[sys.executable, "-P", "-c", entry, "serve", str(path), "--workers", "1"], env=env, data=data)


NGINX = Peer(name="nginx", missing=_installed("nginx"), version=_said("nginx", "-v"), command=_nginx)
HAPROXY = Peer(name="haproxy", missing=_installed("haproxy"), version=_said("haproxy", "-v"), command=_haproxy)
SGLANG = Peer(
    name="sglang-router", missing=_sglang_missing, version=lambda _: SGLANG_ROUTER, command=_sglang, tls=False
)
POISE = Peer(name="poise", missing=_poise_missing, version=native.version, command=_poise)
PEERS = (NGINX, HAPROXY, SGLANG, POISE)
