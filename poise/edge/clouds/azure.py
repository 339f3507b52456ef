"""Azure: a token of Entra ID (once Azure AD) for Azure OpenAI, asked for with plain HTTP.

The usual chain, as far as it goes without a library: a client's secret, a workload identity (AKS, GitHub), a managed
identity (App Service, virtual machines), and the ``az`` command's login. An API key needs none of this.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from shutil import which
from typing import Any, Final, NamedTuple, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import msgspec

from poise.clock import Clock
from poise.edge.clouds.signer import Grant, NotGranted
from poise.errors import Error

RESOURCE: Final = "https://cognitiveservices.azure.com"
AUTHORITY: Final = "https://login.microsoftonline.com"
INSTANCE: Final = "http://169.254.169.254/metadata/identity/oauth2/token"
TIMEOUT_S: Final = 20.0
ABSENT_S: Final = 2.0  # off Azure nothing answers at the metadata address
MAX_ANSWER_BYTES: Final = 256 * 1024  # of a token endpoint; tokens have a few kilobytes
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HINT: Final = (
    "set AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, give the machine a "
    "managed identity, run `az login`, or use an API key"
)
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Answered(NamedTuple):
    """What a token endpoint said."""

    status: int
    body: bytes


class Http(Protocol):
    """One small exchange. Raises OSError."""

    def __call__(self, url: str, headers: Mapping[str, str], form: bytes | None, wait_s: float) -> Answered:
        """POST where there is a form, else GET."""


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:  # a secret is not carried elsewhere
        return None


_OPENER: Final = build_opener(_NoRedirect)
_DIRECT: Final = build_opener(_NoRedirect, ProxyHandler({}))


def plain_http(url: str, headers: Mapping[str, str], form: bytes | None, wait_s: float) -> Answered:
    """As Http says; through the environment's proxy for https only: metadata never leaves the machine."""
    opener = _OPENER if url.startswith("https://") else _DIRECT
    try:
        with opener.open(Request(url, form, dict(headers)), timeout=wait_s) as answer:  # noqa: S310 - http and https only
            return Answered(answer.status, answer.read(MAX_ANSWER_BYTES))
    except HTTPError as refused:
        return Answered(refused.code, refused.read(MAX_ANSWER_BYTES))
    except URLError as trouble:
        raise OSError(f"{urlsplit(url).netloc}: {trouble.reason}") from trouble
    except HTTPException as trouble:
        raise OSError(f"{urlsplit(url).netloc} does not answer in HTTP: {trouble!r}") from trouble


class Azure:
    """A bearer token. env is the process's environment; client is a managed identity's id where there are several."""

    name = "azure"

    def __init__(
        self, env: Mapping[str, str], clock: Clock, client: str = "", resource: str = RESOURCE, http: Http = plain_http
    ) -> None:
        self._env = env
        self._clock = clock
        self._client = client or env.get("AZURE_CLIENT_ID", "")
        self._resource = resource.rstrip("/")
        self._http = http

    def fetch(self) -> Grant:
        """See Source."""
        env = self._env
        tenant, client = env.get("AZURE_TENANT_ID", ""), env.get("AZURE_CLIENT_ID", "")
        if tenant and client and env.get("AZURE_CLIENT_SECRET"):
            return self._login(tenant, client, {"client_secret": env["AZURE_CLIENT_SECRET"]})
        if tenant and client and env.get("AZURE_FEDERATED_TOKEN_FILE"):
            token = self._read(env["AZURE_FEDERATED_TOKEN_FILE"])  # each time: its writer replaces it every hour
            return self._login(tenant, client, {"client_assertion_type": _ASSERTION, "client_assertion": token})
        if env.get("IDENTITY_ENDPOINT") and env.get("IDENTITY_HEADER"):
            headers = {"X-IDENTITY-HEADER": env["IDENTITY_HEADER"]}
            return self._managed(env["IDENTITY_ENDPOINT"], "2019-08-01", headers, TIMEOUT_S)
        if which("az", path=env.get("PATH")) and (Path(env.get("HOME", "/")) / ".azure").is_dir():
            return self._command()
        try:
            return self._managed(INSTANCE, "2018-02-01", {"Metadata": "true"}, ABSENT_S)
        except OSError as none:
            raise Error("internal", f"no Azure credentials: {none}", hint=_HINT) from none

    def _login(self, tenant: str, client: str, proof: dict[str, str]) -> Grant:
        authority = (self._env.get("AZURE_AUTHORITY_HOST") or AUTHORITY).rstrip("/")
        if not authority.startswith("https://"):
            raise Error("internal", f"AZURE_AUTHORITY_HOST is {authority}", hint="a secret is sent there: use https://")
        form = {"grant_type": "client_credentials", "client_id": client, "scope": f"{self._resource}/.default", **proof}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._token(
            self._http(f"{authority}/{tenant}/oauth2/v2.0/token", headers, urlencode(form).encode(), TIMEOUT_S)
        )

    def _managed(self, url: str, version: str, headers: dict[str, str], wait_s: float) -> Grant:
        asked = {"api-version": version, "resource": self._resource}
        if self._client:
            asked["client_id"] = self._client
        return self._token(self._http(f"{url}?{urlencode(asked)}", headers, None, wait_s))

    def _command(self) -> Grant:
        az = which("az", path=self._env.get("PATH")) or "az"
        asked = [az, "account", "get-access-token", "--resource", self._resource, "--output", "json"]
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
                asked, capture_output=True, timeout=TIMEOUT_S, check=False, env=dict(self._env)
            )
        except subprocess.TimeoutExpired as late:
            raise NotGranted(f"`az account get-access-token` took more than {TIMEOUT_S:g} s") from late
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()[:300]
            raise NotGranted(f"`az account get-access-token` failed: {words}")
        return self._token(Answered(200, done.stdout))

    def _read(self, path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as bad:
            hint = "the workload identity webhook of Kubernetes writes it"
            raise Error("internal", f"AZURE_FEDERATED_TOKEN_FILE cannot be read: {bad}", hint=hint) from bad

    def _token(self, answered: Answered) -> Grant:
        try:
            told = _decode(answered.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = {}
        token = told.get("access_token") or told.get("accessToken")
        if answered.status != 200 or not isinstance(token, str):
            words = told.get("error_description") or told.get("error") or f"status {answered.status}"
            raise NotGranted(f"no token was given: {str(words).splitlines()[0][:300]}")
        return Grant((token,), self._expires_us(told))

    def _expires_us(self, told: dict[str, Any]) -> int:
        """expires_on is in seconds since 1970, as text at times; a login says expires_in alone."""
        for name, since_us in (("expires_on", 0), ("expires_in", self._clock.now_us())):
            try:
                return since_us + int(float(told[name])) * 1_000_000
            except (KeyError, TypeError, ValueError):
                continue
        return self._clock.now_us() + 300_000_000  # it does not say: asked for again in minutes
