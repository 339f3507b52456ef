"""Who may speak to the admin listener."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.edge.admin.guard import HEADERS, TOKEN_FILE, TOKEN_VARIABLE, make_token, read_token
from tests.admin.calls import BEARER, TOKEN, Desk

SECRET_PATHS = (
    "/metrics",
    "/api/v1/decisions",
    "/api/v1/decisions/last",
    "/api/v1/targets",
    "/api/v1/workflows",
    "/api/v1/status",
    "/openapi.json",
    "/",
    "/healthz/",
    "/healthz/../metrics",
)


@pytest.mark.parametrize("path", SECRET_PATHS)
def test_nothing_but_health_is_open(tmp_path: Path, path: str) -> None:
    """Without a token every path but the two of health is a 401, whether there is anything behind it or not."""
    answer = Desk(tmp_path).get(path, token=None)

    assert 401 == answer.status
    assert "invalid_api_key" == answer.json["error"]["code"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token_and_tells_no_details(tmp_path: Path, path: str) -> None:
    """A probe learns one word, and nothing of names, paths or versions."""
    answer = Desk(tmp_path).get(path, token=None)

    assert {"status"} == set(answer.json)
    assert "support-chat" not in answer.body.decode()
    assert str(tmp_path) not in answer.body.decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"bearer {TOKEN}",
        BEARER[:-1],
        BEARER + "x",
        BEARER.upper(),
        f"Bearer  {TOKEN}",
        f"{BEARER}\n",
        "Bearer ' OR 1=1--",
        "Bearer " + "a" * 65_536,
    ],
)
def test_a_wrong_token_is_refused(tmp_path: Path, token: str) -> None:
    """Only the exact token counts: no prefix, no other case, no other scheme, no metacharacters."""
    assert 401 == Desk(tmp_path).get("/metrics", token=token).status


def test_two_tokens_are_refused(tmp_path: Path) -> None:
    """A second Authorization header is never silently ignored."""
    headers = [(b"host", b"localhost"), (b"authorization", BEARER.encode()), (b"authorization", BEARER.encode())]

    assert 401 == Desk(tmp_path).ask("/metrics", headers).status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8701",
        "localhost",
        "LOCALHOST:8701",
        "[::1]",
        "[::1]:8701",
        "10.0.0.7:8701",
        "poise.lan:1",
    ],
)
def test_this_machines_names_and_addresses_are_served(tmp_path: Path, host: str) -> None:
    """Loopback's names, any literal address, and what was configured: none can be another site's name."""
    assert 200 == Desk(tmp_path, ("poise.lan",)).get("/healthz", host=host).status


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8701",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost:8701:1",
        "localhost:",
        "localhost:x",
        "localhost#a",
        "a.com/healthz?",
        "127.0.0.1 evil",
        "[::1",
        "[::1]x",
        "[evil]",
        "::1",
        "",
        "0x7f.1",
        "2130706433",
    ],
)
def test_another_hosts_name_is_refused(tmp_path: Path, host: str) -> None:
    """A page that points its own name at this machine (DNS rebinding) learns nothing, not even with a token."""
    answer = Desk(tmp_path).get("/metrics", host=host)

    assert 400 == answer.status
    assert "bad_host" == answer.json["error"]["code"]


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"localhost"], [b"localhost", b"evil.example"]])
def test_there_is_exactly_one_host(tmp_path: Path, hosts: list[bytes]) -> None:
    """None, or two even if alike, is refused."""
    assert 400 == Desk(tmp_path).ask("/healthz", [(b"host", host) for host in hosts]).status


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(host=st.text(st.characters(codec="latin-1"), max_size=30))
def test_no_host_is_an_error_of_ours(desk: Desk, host: str) -> None:
    """Whatever stands in Host, the answer is 200 or 400."""
    assert desk.get("/healthz", host=host).status in {200, 400}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An API over nothing."""
    return Desk(tmp_path)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/nope", "/api/v1/decisions/zzz"])
@pytest.mark.parametrize("token", [BEARER, None])
def test_every_answer_has_the_security_headers(tmp_path: Path, path: str, token: str | None) -> None:
    """Good or bad, no answer may be framed, sniffed, cached or read by another site."""
    headers = Desk(tmp_path).get(path, token=token).headers

    assert {name.decode(): value.decode() for name, value in HEADERS}.items() <= headers.items()
    assert not [name for name in headers if name.startswith("access-control-")]
    assert "server" not in headers


def test_a_token_is_made_once_and_is_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is set, 256 bits of chance are kept in the data folder, mode 0600, and stay."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    token = make_token(tmp_path)

    assert 43 == len(token)
    assert token == make_token(tmp_path) == read_token(tmp_path)
    assert 0o600 == stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode)


def test_an_empty_token_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty token would open the door to everybody who sends none."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    (tmp_path / TOKEN_FILE).write_text("\n")

    assert 43 == len(make_token(tmp_path))


def test_the_environments_token_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where POISE_ADMIN_TOKEN is set, nothing is written."""
    monkeypatch.setenv(TOKEN_VARIABLE, "from-the-environment")

    assert "from-the-environment" == make_token(tmp_path)
    assert [] == list(tmp_path.iterdir())
