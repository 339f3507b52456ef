"""Tokens of Entra ID, from each place of the chain; the token endpoint is scripted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from poise.clock import SystemClock
from poise.edge.clouds.azure import Answered, Azure
from poise.edge.clouds.signer import NotGranted
from poise.errors import Error


class Endpoint:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self, status: int = 200, **told: object) -> None:
        self.status = status
        self.told = told or {"access_token": "tok", "expires_in": 3599}
        self.url = ""
        self.headers: dict[str, str] = {}
        self.form: dict[str, str] = {}

    def __call__(self, url: str, headers: Mapping[str, str], form: bytes | None, wait_s: float) -> Answered:
        """As Http says."""
        self.url, self.headers = url, dict(headers)
        self.form = {name: values[0] for name, values in parse_qs((form or b"").decode()).items()}
        return Answered(self.status, json.dumps(self.told).encode())


CLOCK = SystemClock()
LOGIN = {"AZURE_TENANT_ID": "ten", "AZURE_CLIENT_ID": "cli", "PATH": ""}


def test_a_clients_secret_is_sent_to_the_login() -> None:
    """OAuth's client credentials; the token lasts as long as it says."""
    endpoint = Endpoint()
    grant = Azure(LOGIN | {"AZURE_CLIENT_SECRET": "s"}, CLOCK, http=endpoint).fetch()

    assert "https://login.microsoftonline.com/ten/oauth2/v2.0/token" == endpoint.url
    assert {
        "grant_type": "client_credentials",
        "client_id": "cli",
        "client_secret": "s",
        "scope": "https://cognitiveservices.azure.com/.default",
    } == endpoint.form
    assert ("tok",) == grant.values
    assert abs(grant.expires_us - CLOCK.now_us() - 3_599_000_000) < 60_000_000


def test_a_workload_identity_shows_its_file_as_it_is_now(tmp_path: Path) -> None:
    """Kubernetes replaces the file every hour."""
    file = tmp_path / "token"
    endpoint = Endpoint()
    env = LOGIN | {"AZURE_FEDERATED_TOKEN_FILE": str(file), "AZURE_AUTHORITY_HOST": "https://login.example.com/"}
    azure = Azure(env, CLOCK, http=endpoint)
    for said in ("one", "two"):
        file.write_text(f"{said}\n")
        azure.fetch()
        assert said == endpoint.form["client_assertion"]
    assert endpoint.url.startswith("https://login.example.com/ten/")
    file.unlink()
    with pytest.raises(Error, match="AZURE_FEDERATED_TOKEN_FILE"):
        azure.fetch()


def test_app_service_is_asked_at_its_own_address() -> None:
    """Its answer says when the token ends, as text."""
    endpoint = Endpoint(access_token="tok", expires_on="1750003600")
    env = {"IDENTITY_ENDPOINT": "http://127.0.0.1:41/token", "IDENTITY_HEADER": "h", "PATH": ""}
    grant = Azure(env, CLOCK, client="mine", http=endpoint).fetch()

    asked = parse_qs(urlsplit(endpoint.url).query)
    assert ["https://cognitiveservices.azure.com"] == asked["resource"]
    assert ["mine"] == asked["client_id"]
    assert "h" == endpoint.headers["X-IDENTITY-HEADER"]
    assert 1_750_003_600_000_000 == grant.expires_us


def test_a_virtual_machine_is_asked_last() -> None:
    """At the address that only Azure's machines have; elsewhere nothing answers, and a hint says what there is."""
    endpoint = Endpoint()
    assert ("tok",) == Azure({"PATH": ""}, CLOCK, http=endpoint).fetch().values
    assert endpoint.url.startswith("http://169.254.169.254/metadata/identity/oauth2/token?")
    assert {"Metadata": "true"} == endpoint.headers

    def nobody(url: str, headers: Mapping[str, str], form: bytes | None, wait_s: float) -> Answered:
        assert wait_s <= 2
        raise OSError("no route")

    with pytest.raises(Error, match="no route") as none:
        Azure({"PATH": ""}, CLOCK, http=nobody).fetch()
    assert "AZURE_TENANT_ID" in none.value.hint


def test_the_az_command_is_asked_where_somebody_logged_in(tmp_path: Path) -> None:
    """Without a shell."""
    (tmp_path / ".azure").mkdir()
    az = tmp_path / "az"
    az.write_text('#!/bin/sh\necho "{\\"accessToken\\":\\"$1-$2\\",\\"expires_on\\":1750003600}"\n')
    az.chmod(0o755)
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}

    assert ("account-get-access-token",) == Azure(env, CLOCK, http=Endpoint()).fetch().values
    az.write_text("#!/bin/sh\necho please log in >&2\nexit 1\n")
    with pytest.raises(NotGranted, match="please log in"):
        Azure(env, CLOCK, http=Endpoint()).fetch()


def test_a_refusal_is_told_in_the_logins_words_and_not_the_secret() -> None:
    """The first line of them."""
    endpoint = Endpoint(
        401, error="invalid_client", error_description="AADSTS7000215: Invalid client secret.\r\nTrace ID: 1"
    )
    with pytest.raises(NotGranted, match=r"Invalid client secret\.$") as refused:
        Azure(LOGIN | {"AZURE_CLIENT_SECRET": "hush"}, CLOCK, http=endpoint).fetch()
    assert "hush" not in str(refused.value)


def test_a_secret_is_not_sent_in_plain_text() -> None:
    """Whatever the environment says."""
    env = LOGIN | {"AZURE_CLIENT_SECRET": "s", "AZURE_AUTHORITY_HOST": "http://login.example.com"}
    with pytest.raises(Error, match="http://login"):
        Azure(env, CLOCK, http=Endpoint()).fetch()
