"""Google Cloud: a token for Vertex AI, from a named file or from where every Google client looks.

That chain (application default credentials) is google-auth's own: ``GOOGLE_APPLICATION_CREDENTIALS``, what ``gcloud auth
application-default login`` left behind, workload identity federation, the metadata server of GCE, GKE and Cloud Run.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any, Final

import msgspec

from poise.edge.clouds.extra import Foreign, load
from poise.edge.clouds.signer import Grant, NotGranted
from poise.errors import Error

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_S: Final = 20.0

# Each kind of file has a class of its own; google-auth's loader for all of them is deprecated.
_KINDS: Final = {
    "service_account": ("google.oauth2.service_account", "from_service_account_info"),
    "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info"),
    "external_account": ("google.auth.identity_pool", "from_info"),
}
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Google:
    """A bearer token for one project. file is a key, or another of Google's credential files; '' for the usual chain.

    request is google-auth's transport (``google.auth.transport.Request``), None for the real one.
    """

    name = "google"

    def __init__(self, file: str = "", quota_project: str = "", request: Foreign = None) -> None:
        self._file = file
        self._quota_project = quota_project
        self._request = request
        self._known: Foreign = None
        self.project = ""  # the one that the credentials name, known after the first fetch

    def fetch(self) -> Grant:
        """See Source."""
        request = self._request or _transport()
        known, self._known = self._known, None  # looked for anew after a failure: what is there may have changed
        if self._file or known is None:  # a file is read each time: it may have been replaced
            known = self._from_file() if self._file else self._from_chain(request)
        _refresh(known, request)
        self._known = known
        expiry = known.expiry
        expires_us = int(expiry.replace(tzinfo=UTC).timestamp() * 1e6) if expiry is not None else 0
        quota = self._quota_project or getattr(known, "quota_project_id", None)
        more = ("x-goog-user-project", str(quota)) if quota else ()
        return Grant((str(known.token), *more), expires_us)

    def _from_chain(self, request: Foreign) -> Foreign:
        auth = load("google.auth", "Google")
        try:
            known, project = auth.default(scopes=[SCOPE], request=request)
        except auth.exceptions.DefaultCredentialsError as none:
            hint = "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or name a file"
            raise Error("internal", f"no Google credentials: {str(none).splitlines()[0]}", hint=hint) from none
        self.project = project or ""
        return known

    def _from_file(self) -> Foreign:
        try:
            told = _decode(Path(self._file).read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as bad:
            hint = "name a file that Google Cloud made: a service account's key, or external account credentials"
            raise Error("internal", f"{self._file} holds no Google credentials: {bad}", hint=hint) from bad
        kind = told.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            text = f"{self._file} holds credentials of type {kind!r}, known are {', '.join(_KINDS)}"
            raise Error("internal", text, hint="for others set GOOGLE_APPLICATION_CREDENTIALS, and name no file")
        module, maker = _KINDS[kind]
        self.project = str(told.get("project_id") or told.get("quota_project_id") or "")
        return getattr(load(module, "Google").Credentials, maker)(told, scopes=[SCOPE])


def _refresh(known: Foreign, request: Foreign) -> None:
    trouble = load("google.auth.exceptions", "Google")
    try:
        known.refresh(request)
    except (trouble.GoogleAuthError, OSError, ValueError) as refused:
        raise NotGranted(f"{type(refused).__name__}: {refused}") from refused


def _transport() -> Foreign:
    urllib3 = load("urllib3", "Google")
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=TIMEOUT_S), retries=False)
    return load("google.auth.transport.urllib3", "Google").Request(pool)
