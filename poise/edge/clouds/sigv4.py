"""AWS Signature Version 4 of one request, quickly.

The key of a day, region and service is derived once; the text of a second is made once; a path is written for signing
once. What is left for each request: hash the body, hash the request's description, one HMAC.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from poise.edge.clouds.keeper import Keeper

MAX_PATHS: Final = (
    256  # paths that are kept as they are signed: a target has two, but one that is passed through is the caller's
)
_HEX_OF_NOTHING: Final = sha256(b"").hexdigest()


class SigV4:
    """Signs with what its keeper was granted: access key, secret key, session token ('' for none).

    headers are sent with every request and are signed beside host and date; names in small letters, values without
    spaces at their ends. The body is always signed.
    """

    __slots__ = (
        "_after",
        "_around",
        "_before",
        "_day",
        "_head",
        "_keeper",
        "_key",
        "_paths",
        "_region",
        "_scope",
        "_second",
        "_service",
        "_stamp",
        "_token_line",
        "_values",
    )

    def __init__(
        self, keeper: Keeper, region: str, service: str = "bedrock", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self._keeper = keeper
        self._region = region
        self._service = service
        self._around = headers
        self._values: tuple[str, ...] = ()
        self._second = -1
        self._day = ""
        self._stamp = ""
        self._scope = ""
        self._key = b""
        self._head = ""
        self._token_line = ""
        self._before = ""  # the signed headers whose names sort before ``host``
        self._after = ""  # the others, and the names of all
        self._paths: dict[bytes, str] = {}

    def lines(self, method: bytes, path: bytes, host: bytes, body: bytes, now_us: int) -> bytes:
        """See Signer. host is as it is sent: with the port where the request says it."""
        values = self._keeper.values(now_us)
        second = now_us // 1_000_000
        if second != self._second or values is not self._values:
            self._turn(second, values)
        stamp = self._stamp
        described = (
            f"{method.decode('latin-1')}\n{self._paths.get(path) or self._path(path)}\n{self._before}"
            f"host:{host.decode('latin-1')}\n{self._after}\n{sha256(body).hexdigest() if body else _HEX_OF_NOTHING}"
        )
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{self._scope}\n{sha256(described.encode('latin-1')).hexdigest()}"
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        return f"x-amz-date: {stamp}\r\n{self._token_line}{self._head}{signature}\r\n".encode("latin-1")

    def refused(self) -> None:
        """See Signer."""
        self._keeper.refused()

    def redacted(self, said: bytes) -> bytes:
        """See Signer. AWS repeats what should have been signed, a session's token with it."""
        return self._keeper.redacted(said)

    def _turn(self, second: int, values: tuple[str, ...]) -> None:
        """A new second, perhaps a new day, perhaps new keys."""
        stamp = datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
        day = stamp[:8]
        access, secret, token = values
        if day != self._day or values is not self._values:
            key = f"AWS4{secret}".encode()
            for step in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            self._key = key
            self._scope = f"{day}/{self._region}/{self._service}/aws4_request"
            self._token_line = f"x-amz-security-token: {token}\r\n" if token else ""
        fields = {name: " ".join(value.split()) for name, value in self._around}
        fields["x-amz-date"] = stamp
        if token:
            fields["x-amz-security-token"] = token
        names = ";".join(sorted([*fields, "host"]))
        self._before = "".join(f"{name}:{fields[name]}\n" for name in sorted(fields) if name < "host")
        self._after = "".join(f"{name}:{fields[name]}\n" for name in sorted(fields) if name > "host") + f"\n{names}"
        shown = f"AWS4-HMAC-SHA256 Credential={access}/{self._scope}, SignedHeaders={names}"
        self._head = f"authorization: {shown}, Signature="
        self._stamp, self._day, self._second, self._values = stamp, day, second, values

    def _path(self, path: bytes) -> str:
        """A path and its query as they are signed: empty and dot steps out, what is escaped escaped once more."""
        plain, _, query = path.decode("latin-1").partition("?")
        steps: list[str] = []
        for step in plain.split("/"):
            if step == "..":
                del steps[-1:]
            elif step not in {"", "."}:
                steps.append(step)
        clean = "/" + "/".join(steps) + ("/" if steps and plain.endswith("/") else "")
        pairs = sorted((pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&")) if query else []
        written = f"{quote(clean, safe='/~')}\n{'&'.join(f'{name}={value}' for name, value in pairs)}"
        if len(self._paths) >= MAX_PATHS:
            self._paths.clear()
        self._paths[path] = written
        return written
