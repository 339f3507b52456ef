"""The snapshot that workers serve by: secrets looked up, each key's patterns spelt out as candidates it may reach."""

from __future__ import annotations

import fnmatch
import stat
from collections.abc import Iterable
from collections.abc import Mapping as Environ
from pathlib import Path

import msgspec

from poise.edge.config import clouds
from poise.edge.config.address import Secret
from poise.edge.config.problem import Findings, Place
from poise.edge.config.resolve import OPEN, KeyRule, Resolved
from poise.edge.config.tree import find
from poise.edge.snapshot import Endpoint, Grant, Snapshot, hash_secret
from poise.edge.vendors import VENDORS
from poise.policy import Candidate, Objective, Policy, Recover, Timers
from poise.rules.prepare import PASSTHROUGH
from poise.target import Target

MAX_SECRET_BYTES = 16 * 1024
PASS_DEADLINE_US = 600_000_000  # of a call that is passed through: as long as OpenAI's own clients wait
PASS_STALL_US = 60_000_000  # of its answer, once it has begun


def compile_snapshot(resolved: Resolved, environ: Environ[str, str], epoch: int, salt: bytes) -> Snapshot:
    """Look secrets up and compile.

    environ answers ``env:`` references; files are read anew. salt is the key of ``hash_secret``, up to 64 bytes. Raises
    Problems that name each secret that is missing by its reference, never by its value.
    """
    findings = Findings()
    secrets = _Secrets(resolved, environ, findings)
    endpoints = {name: secrets.endpoint(name) for name in resolved.links}
    keys = secrets.keys(salt)
    findings.raise_any()
    grants = {rule.name: grant_of(rule, resolved) for rule in resolved.keys}
    if resolved.open:
        grants[OPEN] = grant_of(KeyRule(OPEN, ()), resolved)
    return Snapshot(
        epoch=epoch,
        digest=resolved.digest,
        listener=resolved.listener,
        admin=resolved.admin,
        data=resolved.data,
        policies=resolved.policies,
        endpoints=endpoints,
        grants=grants,
        keys=keys,
        salt=salt,
        open_grant=OPEN if resolved.open else "",
        limits=resolved.limits,
        retention_s=resolved.retention_s,
        retention_bytes=resolved.retention_bytes,
        passthrough=passages({name for grant in grants.values() for name in grant.passthrough}, resolved),
    )


def grant_of(rule: KeyRule, resolved: Resolved) -> Grant:
    """What a key may send as ``model`` and the candidates it reaches there.

    Through a workflow: all of the workflow's candidates as listed. Through a model's own name: those targets that one
    of the patterns under ``models`` matches, by the model's name or, where the pattern holds an @, by the target's id.
    """
    everything = rule.workflows is None and rule.models is None
    of_workflows = {name: workflow for workflow, names in resolved.workflows.items() for name in names}
    scopes: dict[str, int] = {}
    workflows = {name for glob in rule.workflows or () for name in fnmatch.filter(resolved.workflows, glob)}
    targets = _allowed(rule.models or (), resolved)
    for name, policy in resolved.policies.items():
        workflow = of_workflows.get(name)
        full = (1 << len(policy.candidates)) - 1
        if everything:
            mask = full
        elif workflow is not None:
            mask = full if workflow in workflows else 0
        else:
            mask = sum(1 << i for i, candidate in enumerate(policy.candidates) if candidate.target.id in targets)
        if mask:
            scopes[name] = mask
    return Grant(rule.name, scopes, _passthrough(rule, resolved, targets))


def _allowed(globs: tuple[str, ...], resolved: Resolved) -> set[str]:
    """The ids of the targets that one of the patterns matches."""
    of_model: dict[str, list[str]] = {}
    for target in resolved.targets.values():
        of_model.setdefault(target.model, []).append(target.id)
    found: set[str] = set()
    for glob in globs:
        if "@" in glob:
            found.update(fnmatch.filter(resolved.targets, glob))
        else:
            found.update(target for model in fnmatch.filter(of_model, glob) for target in of_model[model])
    return found


def passages(providers: Iterable[str], resolved: Resolved) -> dict[str, Policy]:
    """The policy of calls that are passed through to each provider: one candidate, which stands for all that is there."""
    found: dict[str, Policy] = {}
    for name in sorted(providers):
        provider = resolved.links[name].provider
        # * is no model's name, so the target is nobody else's.
        target = Target(
            f"*@{name}", PASSTHROUGH, name, provider.vendor, provider.region, upstream_model="", dialect=PASSTHROUGH
        )
        found[name] = Policy(
            PASSTHROUGH,
            (Candidate(target),),
            objective=Objective(deadline_us=PASS_DEADLINE_US),
            timers=Timers(stall_us=PASS_STALL_US),
            recover=Recover(attempts=1),
        )
    return found


def _passthrough(rule: KeyRule, resolved: Resolved, targets: set[str]) -> dict[str, tuple[str, ...] | None]:
    """The providers that a key may pass calls through to, and the models it may name there: no more than elsewhere."""
    everything = rule.workflows is None and rule.models is None
    globs = rule.passthrough if rule.passthrough is not None else ("*",) if everything else ()
    providers = {name for glob in globs for name in fnmatch.filter(resolved.links, glob) if reachable(name, resolved)}
    if everything:
        return dict.fromkeys(sorted(providers))
    found: dict[str, tuple[str, ...] | None] = {}
    for name in sorted(providers):
        models = {glob.rpartition("@")[0] for glob in rule.models or () if "@" in glob and _at(glob, name)}
        models |= {glob for glob in rule.models or () if "@" not in glob}
        # What the provider calls a model that the key may name by ours. Brackets keep a name from being a pattern.
        models |= {
            _plain(t.upstream_model) for t in resolved.targets.values() if t.id in targets and t.provider == name
        }
        found[name] = tuple(sorted(models))
    return found


def reachable(provider: str, resolved: Resolved) -> bool:
    """Whether its credential is one that stands in a header."""
    return VENDORS[resolved.links[provider].provider.vendor].auth[0].kind in ("bearer", "header", "none")


def _at(glob: str, provider: str) -> bool:
    return fnmatch.fnmatchcase(provider, glob.rpartition("@")[2])


def _plain(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


class _Secrets:
    """Looks secrets up. A value never gets into a finding."""

    def __init__(self, resolved: Resolved, environ: Environ[str, str], findings: Findings) -> None:
        self._resolved, self._environ, self._findings = resolved, environ, findings

    def endpoint(self, name: str) -> Endpoint:
        link = self._resolved.links[name]
        provider = link.provider
        if link.proxy is not None:
            proxy = self._value(link.proxy, "providers", name, "proxy")
            provider = msgspec.structs.replace(provider, proxy=proxy)
        if "project" in VENDORS[provider.vendor].needs and not provider.project and provider.credentials:
            provider = msgspec.structs.replace(provider, project=self._project(provider.credentials, name))
        return Endpoint(provider, self._value(link.key, "providers", name, "key") if link.key else "")

    def _project(self, credentials: str, name: str) -> str:
        """The project that a provider's credentials name, or '' with the reason told."""
        try:
            project = clouds.project_in(credentials.removeprefix("file:"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._told(credentials, f"cannot be read: {reason}", "look at the path, or say project", name)
            return ""
        if not project:
            self._told(credentials, "names no project", "say project: my-project", name)
        return project

    def _told(self, credentials: str, text: str, hint: str, name: str) -> None:
        place = find(self._resolved.root, "providers", name, "credentials").place
        self._findings.error(place, f"providers.{name}.credentials", credentials, text, hint)

    def keys(self, salt: bytes) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        for rule in self._resolved.keys:
            for i, secret in enumerate(rule.secrets):
                value = self._value(secret, "keys", rule.name, "secret", i)
                if not value:
                    continue
                hashed = hash_secret(value.encode(), salt)
                other = found.setdefault(hashed, rule.name)
                if other != rule.name:
                    text = f"is the secret of key {other}, too"
                    self._error(secret, text, "give each key its own", "keys", rule.name, "secret", i)
        return found

    def _error(self, secret: Secret, text: str, hint: str, *steps: str | int) -> None:
        place: Place = find(self._resolved.root, *steps).place
        path = ".".join(str(step) for step in steps if isinstance(step, str))
        self._findings.error(place, path, secret.reference, text, hint)

    def _value(self, secret: Secret, *steps: str | int) -> str:
        """The secret's value, or '' with the reason told."""
        scheme, _, name = secret.reference.partition(":")
        if scheme == "literal":
            value = secret.literal
        elif scheme == "env":
            if name not in self._environ:
                self._error(secret, "is not set in the environment", f"set {name} where poise serve runs", *steps)
                return ""
            value = self._environ[name]
        else:
            try:
                value = _read(Path(name))
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                self._error(secret, f"cannot be read: {reason}", "look at the path and its permissions", *steps)
                return ""
        if not value or not value.isascii() or any(c <= " " or c == "\x7f" for c in value):
            text = "holds spaces, line ends or other characters that no key has" if value else "is empty"
            self._error(secret, text, "a key is one line of visible ASCII", *steps)
            return ""
        return value


def _read(path: Path) -> str:
    """A secret's file without the line end that editors leave. Raises OSError and ValueError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is not a file")
    with path.open("rb") as stream:
        raw = stream.read(MAX_SECRET_BYTES + 1)
    if len(raw) > MAX_SECRET_BYTES:
        raise ValueError(f"it is longer than {MAX_SECRET_BYTES} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None
    return text.removesuffix("\n").removesuffix("\r")
