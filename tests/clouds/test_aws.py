"""Keys by botocore's own chain; its tests are its own, these say that we read what it found."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from poise.edge.clouds.aws import Aws
from poise.errors import Error
from tests.clouds.installed import need


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of the machine the tests run on."""
    need("botocore.session")
    import os

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Vendor:
    """A container's metadata and STS on one local socket; each answer's keys are numbered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        vendor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                vendor.asked.append(f"{self.path} {body}")
                number = len(vendor.asked)
                self.send_response(200)
                self.end_headers()
                ends = "2099-01-01T00:00:00Z"
                if self.path == "/keys":
                    keys = {"AccessKeyId": f"A{number}", "SecretAccessKey": "S", "Token": "T", "Expiration": ends}
                    self.wfile.write(json.dumps(keys).encode())
                else:
                    what = "AssumeRoleWithWebIdentity" if "WebIdentity" in body else "AssumeRole"
                    self.wfile.write(
                        f"<R xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><{what}Result><Credentials>"
                        f"<AccessKeyId>R{number}</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>"
                        f"<Expiration>{ends}</Expiration></Credentials></{what}Result></R>".encode()
                    )

            do_GET = do_POST = _answer  # noqa: N815 - the library's names

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """One, until the test ends."""
    made = Vendor()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


ENDS_US = int(datetime(2099, 1, 1, tzinfo=UTC).timestamp() * 1e6)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys for good are read anew each time."""
    aws = Aws(region="eu-central-1")
    for key in ("A", "B"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        assert ((key, "s", ""), 0) == tuple(aws.fetch())


def test_a_profile_is_read(tmp_path: Path) -> None:
    """By its name; one that is not there is told with a hint."""
    (tmp_path / "credentials").write_text(
        "[prod]\naws_access_key_id = P\naws_secret_access_key = s\naws_session_token = t\n"
    )

    assert ("P", "s", "t") == Aws("prod").fetch().values
    with pytest.raises(Error, match="nope") as none:
        Aws("nope").fetch()
    assert "list-profiles" in none.value.hint


def test_a_container_is_asked_and_its_keys_kept_until_they_end(monkeypatch: pytest.MonkeyPatch, vendor: Vendor) -> None:
    """ECS, and EKS pod identity."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{vendor.url}/keys")
    aws = Aws(region="eu-central-1")

    assert [(("A1", "S", "T"), ENDS_US)] * 2 == [tuple(aws.fetch()), tuple(aws.fetch())]
    assert 1 == len(vendor.asked)


def test_a_role_is_taken_on(monkeypatch: pytest.MonkeyPatch, vendor: Vendor) -> None:
    """With the keys that were found, at STS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", vendor.url)
    grant = Aws(region="eu-central-1", role="arn:aws:iam::123456789012:role/poise").fetch()

    assert (("R1", "S", "T"), ENDS_US) == tuple(grant)
    assert "RoleSessionName=poise" in vendor.asked[0]


def test_a_web_identity_is_shown(monkeypatch: pytest.MonkeyPatch, vendor: Vendor, tmp_path: Path) -> None:
    """EKS: the pod's own token is given for keys."""
    (tmp_path / "token").write_text("a.jwt")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", vendor.url)

    assert (("R1", "S", "T"), ENDS_US) == tuple(Aws(region="eu-central-1").fetch())
    assert "WebIdentityToken=a.jwt" in vendor.asked[0]


def test_no_credentials_at_all_is_told_with_a_hint() -> None:
    """What there is to set."""
    with pytest.raises(Error, match="no AWS credentials") as none:
        Aws(region="eu-central-1").fetch()
    assert "AWS_ACCESS_KEY_ID" in none.value.hint
