"""A gateway before emulators of Vertex and Bedrock, with credentials as each cloud gives them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from poise.sim.emulate.aws_signature import ACCESS_KEY, SECRET_KEY
from poise.sim.processes import Gateway, free_port
from tests.clouds.installed import need
from tests.sdk.dialects import KEY, Doors

ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/emulate-plain"
MODELS = {
    "vertex": ("vertex", "emulate-plain"),
    "vertex-claude": ("vertex", "claude-emulate-plain"),
    "bedrock": ("bedrock", "eu.anthropic.emulate-plain"),
    "bedrock-arn": ("bedrock", ARN),
}
TARGETS = tuple(MODELS)
CLOUDS = ("vertex", "bedrock", "azure")
ADMIN_TOKEN = "token-of-the-admin-0123456789"


class _Tokens(BaseHTTPRequestHandler):
    """Google's token endpoint, for whoever brings an assertion; Azure's for a managed identity, for who knows its header."""

    def do_POST(self) -> None:
        """Google's."""
        self.rfile.read(int(self.headers["content-length"]))
        self._give("token-of-google")

    def do_GET(self) -> None:
        """Azure's."""
        self._give("token-of-entra" if self.headers["x-identity-header"] == "of-the-machine" else "wrong")

    def _give(self, token: str) -> None:
        body = json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def token_endpoint() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Tokens) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/token"
        server.shutdown()
        thread.join()


def service_account(folder: Path, token_uri: str) -> Path:
    """The key of a service account, as Google Cloud makes it; the test is skipped without the libraries."""
    rsa = need("cryptography.hazmat.primitives.asymmetric.rsa")
    serialization = need("cryptography.hazmat.primitives.serialization")
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    told = {
        "type": "service_account",
        "project_id": "project-of-the-key",
        "private_key_id": "k1",
        "private_key": pem.decode(),
        "client_email": "poise@project-of-the-key.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    file = folder / "vertex.json"
    file.write_text(json.dumps(told))
    return file


def status(doors: Doors) -> dict[str, Any]:
    """What the admin API tells, once a worker was heard."""
    admin = json.loads((doors.folder / "poise.yaml").read_text())["admin"]
    with closing(http.client.HTTPConnection(admin, timeout=10)) as connection:
        while True:
            connection.request("GET", "/api/v1/status", headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
            told: dict[str, Any] = json.loads(connection.getresponse().read())
            if told["ready"]:
                return told


@contextmanager
def cloud_doors(*, aws: bool = True) -> Iterator[Doors]:
    """Emulators and a gateway as processes; each target has one workflow, ``at-<target>``. aws: its keys are there."""
    need("google.auth")
    need("botocore")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-clouds-")))
        emulators = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "poise.sim.emulate", *CLOUDS, "--port", "0"],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(emulators.terminate)
        assert emulators.stdout is not None
        told: list[dict[str, Any]] = [json.loads(emulators.stdout.readline()) for _ in CLOUDS]
        urls = {row["vendor"]: row["url"] for row in told}
        tokens = stack.enter_context(token_endpoint())
        key = service_account(folder, tokens)
        config = {
            "version": 1,
            "listen": f"127.0.0.1:{free_port()}",
            "admin": f"127.0.0.1:{free_port()}",
            "data": str(folder / "data"),
            "providers": {
                "vertex": {
                    "vendor": "vertex",
                    "url": urls["vertex"],
                    "location": "europe-west4",
                    "credentials": f"file:{key}",
                    "models": _models("vertex"),
                },
                "bedrock": {
                    "vendor": "bedrock",
                    "url": urls["bedrock"],
                    "region": "eu-central-1",
                    "models": _models("bedrock"),
                },
                "azure": {
                    "vendor": "azure",
                    "url": urls["azure"],
                    "api_version": "2024-10-21",
                    "models": [{"name": "m-azure", "id": "emulate-plain"}],
                },
            },
            "workflows": {f"at-{name}": {"candidates": [f"m-{name}"]} for name in MODELS}
            | {"either": {"candidates": ["m-bedrock", "m-vertex"], "choose": "order"}},
            "keys": {"app": {"secret": "env:APP_KEY", "workflows": ["*"], "models": ["*"]}},
        }
        path = folder / "poise.yaml"
        path.write_text(json.dumps(config))
        keys = (ACCESS_KEY, SECRET_KEY) if aws else ("", "")
        env = {
            "APP_KEY": KEY,
            "POISE_ADMIN_TOKEN": ADMIN_TOKEN,
            "HOME": str(folder),
            "IDENTITY_ENDPOINT": tokens,
            "IDENTITY_HEADER": "of-the-machine",
            "AWS_EC2_METADATA_DISABLED": "true",
            **dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), keys, strict=True)),
        }
        gateway = stack.enter_context(Gateway(path, log=folder / "poise.log", env=env))
        gateway.wait_for("admin")
        yield Doors(f"http://{gateway.addresses['data'].removeprefix('http://')}", folder, urls)


def _models(provider: str) -> list[dict[str, str]]:
    return [{"name": f"m-{name}", "id": id} for name, (at, id) in MODELS.items() if at == provider]
