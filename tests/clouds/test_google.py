"""Tokens by google-auth's own chain, with a scripted transport in place of Google."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from poise.edge.clouds.google import Google
from poise.edge.clouds.signer import NotGranted
from poise.errors import Error
from tests.clouds.installed import Foreign, need


class Answer(NamedTuple):
    """As google-auth wants a response."""

    status: int
    headers: dict[str, str]
    data: bytes


class Wire:
    """A transport that answers from a list of (part of a URL, answer) and remembers what it was asked."""

    def __init__(self, *answers: tuple[str, object]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bytes]] = []

    def __call__(
        self, url: str, method: str = "GET", body: Foreign = None, headers: Foreign = None, **more: Foreign
    ) -> Answer:
        """One exchange."""
        self.asked.append((url, body.encode() if isinstance(body, str) else body or b""))
        for part, told in self.answers:
            if part in url:
                return Answer(
                    200, {"content-type": "application/json", "metadata-flavor": "Google"}, json.dumps(told).encode()
                )
        return Answer(404, {}, b"{}")


TOKEN = {"access_token": "tok", "expires_in": 3600, "token_type": "Bearer"}


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of the machine the tests run on."""
    need("google.auth")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("HOME", str(tmp_path))


def _key_file(tmp_path: Path) -> Path:
    rsa, serialization = (
        need("cryptography.hazmat.primitives.asymmetric.rsa"),
        need("cryptography.hazmat.primitives.serialization"),
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    file = tmp_path / "key.json"
    told = {
        "type": "service_account",
        "project_id": "proj",
        "private_key_id": "k",
        "private_key": pem,
        "client_email": "poise@proj.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.example.com/token",
    }
    file.write_text(json.dumps(told))
    return file


def test_a_service_accounts_key_is_shown_for_a_token(tmp_path: Path) -> None:
    """The key's own project is known then; the token ends in an hour."""
    wire = Wire(("oauth2.example.com", TOKEN))
    google = Google(str(_key_file(tmp_path)), request=wire)
    grant = google.fetch()

    assert (("tok",), "proj") == (grant.values, google.project)
    assert grant.expires_us > 0
    assert b"assertion=" in wire.asked[0][1]


def test_the_usual_variable_names_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Application default credentials; read once, renewed after that."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(_key_file(tmp_path)))
    wire = Wire(("oauth2.example.com", TOKEN))
    google = Google(request=wire, quota_project="billed")

    assert ("tok", "x-goog-user-project", "billed") == google.fetch().values
    assert ("proj", 1) == (google.project, len(wire.asked))
    google.fetch()
    assert 2 == len(wire.asked)


def test_a_workload_identity_is_exchanged(tmp_path: Path) -> None:
    """Federation: the file's own token goes to Google's token service."""
    (tmp_path / "subject").write_text("jwt")
    file = tmp_path / "external.json"
    told = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    file.write_text(json.dumps(told))
    wire = Wire(("sts.googleapis.com", TOKEN))

    assert ("tok",) == Google(str(file), request=wire).fetch().values
    assert any(b"subject_token=jwt" in body for url, body in wire.asked if "sts" in url)


def test_a_users_login_is_renewed(tmp_path: Path) -> None:
    """What ``gcloud auth application-default login`` writes."""
    file = tmp_path / "user.json"
    file.write_text(
        json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})
    )

    assert "tok" == Google(str(file), request=Wire(("oauth2.googleapis.com", TOKEN))).fetch().values[0]


@pytest.mark.parametrize("content", ["", "[]", '{"type": "odd"}', '{"type": ["x"]}'])
def test_a_file_that_holds_none_is_told_with_a_hint(tmp_path: Path, content: str) -> None:
    """By its name."""
    file = tmp_path / "odd.json"
    file.write_text(content)
    with pytest.raises(Error, match="odd") as bad:
        Google(str(file), request=Wire()).fetch()
    assert bad.value.hint
    with pytest.raises(Error, match="none"):
        Google(str(tmp_path / "none.json"), request=Wire()).fetch()


def test_a_refusal_is_raised_and_the_chain_looked_at_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody may have put another file there."""
    file = _key_file(tmp_path)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    wire = Wire()
    google = Google(request=wire)
    with pytest.raises(NotGranted):
        google.fetch()
    other = json.loads(file.read_text()) | {"project_id": "other"}
    file.write_text(json.dumps(other))
    wire.answers = (("oauth2.example.com", TOKEN),)
    google.fetch()

    assert "other" == google.project
