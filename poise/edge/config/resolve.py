"""What the parts of a file mean together: every name a caller may send and its policy, who may call, how all is met."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from poise.edge.config.address import Secret, is_loopback
from poise.edge.config.load import Loaded
from poise.edge.config.node import Mapping
from poise.edge.config.policies import MAX_CANDIDATES, Reach, default_policy, merged, policy_of
from poise.edge.config.problem import Findings, Place, Problem
from poise.edge.config.targets import Link, links_and_targets, place_of_model
from poise.edge.config.tree import find, key_place
from poise.edge.snapshot import Limits, Listener
from poise.policy import Policy
from poise.rules.prepare import PASSTHROUGH
from poise.target import Target

OPEN = "open"  # the grant of callers without a key, where the file is open


class KeyRule(msgspec.Struct, frozen=True):
    """A key as declared: where its secrets are found, and patterns of what it may use; None and None is everything.

    passthrough are patterns of providers; None: all of them for a key that may use everything, else none.
    """

    name: str
    secrets: tuple[Secret, ...]
    workflows: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    passthrough: tuple[str, ...] | None = None


class Resolved(msgspec.Struct, frozen=True):
    """A configuration whose parts fit together; only its secrets have not been looked up.

    policies maps every name a caller may send to its policy; workflows maps a workflow to its own name and its aliases;
    merged maps it to its tree over its profile's. digest is the version of the whole, without secrets.
    """

    path: Path
    files: tuple[Path, ...]
    listener: Listener
    admin: str
    data: str
    limits: Limits
    retention_s: int
    retention_bytes: int
    links: dict[str, Link]
    targets: dict[str, Target]
    policies: dict[str, Policy]
    workflows: dict[str, tuple[str, ...]]
    keys: tuple[KeyRule, ...]
    open: bool
    digest: str
    root: Mapping
    merged: dict[str, Mapping]
    warnings: tuple[Problem, ...] = ()


def resolve(loaded: Loaded) -> Resolved:
    """Put the parts together. Raises Problems with everything that does not fit."""
    findings = Findings()
    resolved = resolve_into(loaded, findings)
    findings.raise_any()
    return resolved


def resolve_into(loaded: Loaded, findings: Findings) -> Resolved:
    """``resolve`` with problems left in findings; what is returned is then incomplete."""
    shape = loaded.shape
    links, targets = links_and_targets(loaded, findings)
    trees = {name: merged(loaded, name) for name in shape.workflows}
    names = _Names(loaded, findings)
    reach: Reach = {}
    for target in targets.values():
        reach.setdefault(target.model, []).append(target)
        reach[target.id] = [target]
    names.workflows(trees, reach, _all_known(loaded))
    names.models(reach)
    workflows = {name: (name, *w.aliases) for name, w in shape.workflows.items() if name in names.policies}
    keys = tuple(
        KeyRule(
            name,
            key.secret if isinstance(key.secret, tuple) else (key.secret,),
            key.workflows,
            key.models,
            key.passthrough,
        )
        for name, key in shape.keys.items()
    )
    _check_listening(loaded, findings)
    _check_globs(loaded, keys, reach, findings)
    _warn_unused(loaded, names.policies, findings)
    listener = Listener(
        shape.listen,
        shape.listen_tls.cert if shape.listen_tls else "",
        shape.listen_tls.key if shape.listen_tls else "",
    )
    retention_s = shape.retention.age // 1_000_000
    said = [listener, shape.admin, shape.data, shape.limits, shape.grace, retention_s, shape.retention.size]
    said += [{name: link.provider for name, link in links.items()}, names.policies, workflows, shape.open]
    said += [[key.name, [s.reference for s in key.secrets], key.workflows, key.models, key.passthrough] for key in keys]
    return Resolved(
        path=loaded.path,
        files=loaded.files,
        listener=listener,
        admin=shape.admin,
        data=shape.data,
        limits=_limits(loaded),
        retention_s=retention_s,
        retention_bytes=shape.retention.size,
        links=links,
        targets=targets,
        policies=names.policies,
        workflows=workflows,
        keys=keys,
        open=shape.open,
        digest=hashlib.sha256(msgspec.msgpack.encode(said, order="deterministic")).hexdigest()[:16],
        root=loaded.root,
        merged=trees,
        warnings=findings.warnings,
    )


def _declared(loaded: Loaded, section: str) -> frozenset[str]:
    """The names in a section of the file, also those whose content could not be read."""
    node = loaded.root.items.get(section)
    return frozenset(node.items) if isinstance(node, Mapping) else frozenset()


def _all_known(loaded: Loaded) -> bool:
    """Whether every provider could be read and no model is hosted, so that a model that is nowhere is a mistake."""
    return len(_declared(loaded, "providers")) == len(loaded.shape.providers) and not _declared(loaded, "models")


def _limits(loaded: Loaded) -> Limits:
    said = loaded.shape.limits
    return Limits(
        body_bytes=said.body,
        bodies_bytes=said.bodies,
        header_bytes=said.headers,
        header_count=said.header_count,
        connections=said.connections,
        connections_per_address=said.connections_per_address,
        calls_per_key=said.calls_per_key,
        header_s=said.header_time / 1e6,
        body_bytes_per_s=said.body_rate,
        idle_s=said.idle / 1e6,
        write_stall_s=said.write_stall / 1e6,
        grace_s=loaded.shape.grace / 1e6,
    )


class _Names:
    """Every name a caller may send, what it means and where it was said. A name that means two things is an error."""

    def __init__(self, loaded: Loaded, findings: Findings) -> None:
        self._loaded, self._findings = loaded, findings
        self._said: dict[str, tuple[str, Place]] = {}
        self.policies: dict[str, Policy] = {}

    def workflows(self, trees: dict[str, Mapping], reach: Reach, known: bool) -> None:
        shape = self._loaded.shape
        for name, workflow in shape.workflows.items():
            if workflow.use and workflow.use not in shape.profiles:
                node = find(self._loaded.root, "workflows", name, "use")
                names = _declared(self._loaded, "profiles")
                if workflow.use not in names:  # a profile that could not be read was told of already
                    hint = "" if names else "write it under profiles:"
                    path = f"workflows.{name}.use"
                    self._findings.error(node.place, path, workflow.use, "is no profile", hint, known=names)
            policy = policy_of(name, trees[name], reach, known, self._findings)
            self._add(
                name, f"workflow {name}", key_place(self._loaded.root, "workflows", name), f"workflows.{name}", policy
            )
            for i, alias in enumerate(workflow.aliases):
                place = find(self._loaded.root, "workflows", name, "aliases", i).place
                self._add(alias, f"an alias of workflow {name}", place, f"workflows.{name}.aliases[{i}]", policy)

    def models(self, reach: Reach) -> None:
        for model, of_model in reach.items():
            if "@" in model:
                self.policies[model] = default_policy(model, of_model)  # no other name holds an @
                continue
            place = place_of_model(self._loaded, of_model[0])
            path = f"providers.{of_model[0].provider}.models"
            if len(of_model) > MAX_CANDIDATES:
                text = f"is at {len(of_model)} providers, not at most {MAX_CANDIDATES}"
                self._findings.error(place, path, model, text, "give some of them another name")
            self._add(
                model, f"a model of provider {of_model[0].provider}", place, path, default_policy(model, of_model)
            )

    def _add(self, name: str, what: str, place: Place, path: str, policy: Policy | None) -> None:
        before = self._said.get(name)
        if before is not None:
            text = f"would mean two things: {what}, and {before[0]} at {before[1]}"
            self._findings.error(place, path, name, text, "rename one of them")
            return
        self._said[name] = (what, place)
        if policy is not None:
            self.policies[name] = policy


def _check_listening(loaded: Loaded, findings: Findings) -> None:
    shape, root = loaded.shape, loaded.root
    if shape.open and not is_loopback(shape.listen):
        text = f"is allowed on loopback only, and listen is {shape.listen}"
        findings.error(find(root, "open").place, "open", "true", text, "declare keys:, or listen: 127.0.0.1:8700")
    if not shape.open and "keys" not in root.items:
        text = "are missing: nobody could call"
        findings.error(root.place, "keys", "", text, "declare keys:, or open: true on a loopback address")
    if shape.open and OPEN in shape.keys:
        place = key_place(root, "keys", OPEN)
        findings.error(place, f"keys.{OPEN}", OPEN, "is what callers without a key are called here", "rename it")
    if PASSTHROUGH in shape.workflows:
        place = key_place(root, "workflows", PASSTHROUGH)
        text = "is what calls through /passthrough/ are recorded as"
        findings.error(place, f"workflows.{PASSTHROUGH}", PASSTHROUGH, text, "rename it")
    if shape.listen == shape.admin and not shape.listen.endswith(":0"):
        text = "is the address of listen, too"
        place = find(root, "admin").place if "admin" in root.items else find(root, "listen").place
        findings.error(place, "admin", shape.admin, text, "give each its own port")
    if not shape.providers and "providers" not in root.items:
        findings.error(
            root.place, "providers", "", "are missing: nothing could answer", "declare one, or try poise init"
        )
    if shape.limits.body > shape.limits.bodies:
        node = (
            find(root, "limits", "body")
            if find(root, "limits", "body") is not find(root, "limits")
            else find(root, "limits", "bodies")
        )
        findings.error(
            node.place,
            "limits.body",
            "",
            "is more than limits.bodies, so such a body never fits",
            "raise limits.bodies",
        )


def _check_globs(
    loaded: Loaded,
    keys: Iterable[KeyRule],
    reach: Reach,
    findings: Findings,
) -> None:
    models, workflows = set(reach) | _declared(loaded, "models"), _declared(loaded, "workflows")
    providers = _declared(loaded, "providers")
    for key in keys:
        known: Iterable[str]
        for field, globs, known in (
            ("workflows", key.workflows, workflows),
            ("models", key.models, models),
            ("passthrough", key.passthrough, providers),
        ):
            told = "providers" if field == "passthrough" else field
            for i, pattern in enumerate(globs or ()):
                if pattern in known:
                    continue
                place = find(loaded.root, "keys", key.name, field, i).place
                path = f"keys.{key.name}.{field}[{i}]"
                if set(pattern) & set("*?["):
                    if not fnmatch.filter(known, pattern):
                        findings.warning(place, path, pattern, f"matches none of the {told}", known=known)
                elif field != "models" or _all_known(loaded):
                    findings.error(place, path, pattern, f"is none of the {told}", known=known)


def _warn_unused(loaded: Loaded, policies: dict[str, Policy], findings: Findings) -> None:
    used = {workflow.use for workflow in loaded.shape.workflows.values()}
    for profile in loaded.shape.profiles:
        if profile not in used:
            place = key_place(loaded.root, "profiles", profile)
            findings.warning(place, f"profiles.{profile}", profile, "is used by no workflow", "use it, or take it out")
    if not loaded.shape.workflows:
        return
    reached = {
        c.target.provider for name in loaded.shape.workflows if name in policies for c in policies[name].candidates
    }
    for provider in loaded.shape.providers:
        if provider not in reached:
            place = key_place(loaded.root, "providers", provider)
            text = "serves no workflow, only callers that name its models"
            findings.warning(place, f"providers.{provider}", provider, text, "list one of its models as a candidate")
