"""What a worker serves by: one immutable, compiled view of poise.yaml, with secrets resolved.

The supervisor compiles it and hands it to workers over a private socket; it never touches a disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from poise.policy import Policy
from poise.target import Provider


class Endpoint(msgspec.Struct, frozen=True):
    """How one provider is reached: its declaration and its resolved credential ('' where it needs none)."""

    provider: Provider
    key: str = ""


class Grant(msgspec.Struct, frozen=True):
    """What one key may do. scopes maps the names it may use as ``model`` to the candidates it may reach (bit i: candidate i).

    passthrough maps the providers it may pass calls through to to patterns of the models those calls may name; None: any.
    """

    name: str
    scopes: dict[str, int]
    passthrough: dict[str, tuple[str, ...] | None] = {}


class Limits(msgspec.Struct, frozen=True):
    """Bounds of the data port. Sizes in bytes, times in seconds; sources: CONTRACT (HTTP) and docs/limits.md."""

    body_bytes: int = 32 * 1024 * 1024
    bodies_bytes: int = 256 * 1024 * 1024
    header_bytes: int = 64 * 1024
    header_count: int = 100
    connections: int = 16_384
    connections_per_address: int = 8192
    calls_per_key: int = 8192
    header_s: float = 10.0
    body_bytes_per_s: int = 1024
    idle_s: float = 75.0
    write_stall_s: float = 60.0
    grace_s: float = 30.0


class Listener(msgspec.Struct, frozen=True):
    """The data port: ``host:port`` or ``unix:/path``; certificate and key files where it speaks TLS."""

    address: str = "127.0.0.1:8700"
    cert: str = ""
    key: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """epoch grows by one with each accepted reload. policies maps *every* name a caller may send as ``model`` -
    workflows, their aliases, bare models, pinned ``model@provider`` - to the policy that serves it.

    keys maps ``hash_secret(secret, salt)`` to a grant's name; open_grant is used for callers without a key where the file
    says ``open: true``, '' where a key is required. passthrough maps a provider to the policy of calls that are passed
    through to it. data is the folder of the embedded store, '' for none.
    """

    epoch: int
    digest: str
    listener: Listener
    admin: str
    data: str
    policies: dict[str, Policy]
    endpoints: dict[str, Endpoint]
    grants: dict[str, Grant]
    keys: dict[bytes, str]
    salt: bytes
    open_grant: str = ""
    limits: Limits = Limits()
    retention_s: int = 30 * 86_400
    retention_bytes: int = 4 * 1024**3
    passthrough: dict[str, Policy] = {}

    def every_policy(self) -> Iterator[Policy]:
        """All that a decision may name."""
        yield from self.policies.values()
        yield from self.passthrough.values()


def hash_secret(secret: bytes, salt: bytes) -> bytes:
    """The 16-byte keyed hash under which a caller's key is looked up: a whole-value hash, so no prefix can match."""
    return hashlib.blake2b(secret, key=salt, digest_size=16).digest()


def encode(snapshot: Snapshot) -> bytes:
    """A snapshot as msgpack, for the private socket between supervisor and children."""
    return msgspec.msgpack.encode(snapshot)


def decode(raw: bytes) -> Snapshot:
    """The snapshot that ``encode`` wrote."""
    return msgspec.msgpack.decode(raw, type=Snapshot)
