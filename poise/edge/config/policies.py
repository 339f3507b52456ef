"""Workflows as policies: the profile merged below, candidates spelt out as targets, every default filled in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from msgspec import UNSET, UnsetType

from poise.edge.config.leaf_recover import Holding
from poise.edge.config.load import Loaded
from poise.edge.config.node import Mapping, Node, show
from poise.edge.config.problem import Findings
from poise.edge.config.shape import (
    WORKFLOW,
    CandidateShape,
    ChooseShape,
    RecoverShape,
    TimersShape,
    WeightsShape,
    WorkflowShape,
)
from poise.edge.config.tree import find, merge
from poise.policy import (
    Candidate,
    Choose,
    Hedge,
    Hold,
    Objective,
    Policy,
    Priority,
    Recover,
    Stick,
    StreamRecovery,
    Timers,
    Weights,
)
from poise.target import Target

MAX_CANDIDATES = 63  # a key's scope is a bit mask in one 64-bit number
Reach = dict[str, list[Target]]  # what a candidate's name may mean: a model's targets, or one target by its id
STALL_HARD = 3  # times stall: 10s soft and 30s hard, the usual pair


def merged(loaded: Loaded, name: str) -> Mapping:
    """A workflow's tree over its profile's."""
    own = find(loaded.root, "workflows", name)
    shape = loaded.shape.workflows[name]
    below = (
        find(loaded.root, "profiles", shape.use) if shape.use in loaded.shape.profiles else Mapping(own.place, {}, {})
    )
    whole = merge(below, own)
    assert isinstance(whole, Mapping)
    return whole


def policy_of(name: str, tree: Mapping, reach: Reach, known: bool, findings: Findings) -> Policy | None:
    """The policy of a workflow's merged tree; None where it has none, with the reason told.

    known: every model there is can be known, so one that cannot be reached is a mistake.
    """
    path = f"workflows.{name}"
    shape = WORKFLOW.read(tree, path, findings)
    if not isinstance(shape, WorkflowShape):
        return None
    if not shape.candidates:
        if "candidates" not in tree.items:
            findings.error(tree.place, f"{path}.candidates", "", "is missing", "list the models that may serve it")
        return None
    candidates = _Candidates(path, find(tree, "candidates"), reach, known, findings).spelt_out(shape.candidates)
    choose = _choose(path, shape, tree, candidates, findings)
    if not candidates:
        return None
    if len(candidates) > MAX_CANDIDATES:
        node, text = find(tree, "candidates"), f"are more than {MAX_CANDIDATES} targets"
        findings.error(
            node.place, f"{path}.candidates", f"{len(candidates)} targets", text, "name fewer, or model@provider"
        )
        return None
    _check_regions(path, shape, tree, candidates, findings)
    split = shape.choose.split if isinstance(shape.choose, ChooseShape) else None
    if split is not None:
        candidates = [_shared(candidate, split) for candidate in candidates]
    return Policy(
        workflow=name,
        candidates=tuple(sorted(candidates, key=_by_id)),
        owner=shape.owner,
        regions=shape.regions,
        objective=Objective(shape.objective.first_token, shape.objective.deadline, shape.objective.success),
        choose=choose,
        priority=cast("Priority", shape.priority),
        timers=_timers(shape.timers),
        recover=_recover(shape.recover),
        record_required=shape.record == "required",
        hold=_hold(shape.hold),
    )


def default_policy(name: str, targets: Iterable[Target]) -> Policy:
    """The policy of a model or a target that a caller names itself."""
    candidates = [Candidate(target, place) for place, target in enumerate(targets)]
    return Policy(name, tuple(sorted(candidates, key=_by_id)))


def _by_id(candidate: Candidate) -> str:
    return candidate.target.id


def _shared(candidate: Candidate, split: dict[str, float]) -> Candidate:
    return Candidate(candidate.target, candidate.place, candidate.when, split.get(candidate.target.model, 0.0))


class _Candidates:
    """Spells out candidates: a bare model is every provider that has it. What is listed first stands first."""

    def __init__(self, path: str, node: Node, reach: Reach, known: bool, findings: Findings) -> None:
        self._path, self._node, self._findings = path, node, findings
        self._reach, self._known = reach, known

    def spelt_out(self, listed: tuple[str | CandidateShape, ...]) -> list[Candidate]:
        found: dict[str, Candidate] = {}
        for i, item in enumerate(listed):
            entry = CandidateShape(item) if isinstance(item, str) else item
            meant = self._reach.get(entry.model, [])
            if not meant:
                self._unknown(i, entry)
            added = False
            for target in meant:
                there = found.get(target.id)
                if there is None:
                    found[target.id] = Candidate(target, len(found), entry.when)
                    added = True
                elif there.when != entry.when:
                    hint = "join the two with ||"
                    self._error(i, entry, f"reaches {target.id} again under another condition", hint)
                    added = True
            if meant and not added:
                self._error(i, entry, "adds nothing: it is listed above already", "take it out")
        return list(found.values())

    def _error(self, index: int, entry: CandidateShape, text: str, hint: str) -> None:
        node = find(self._node, index)
        self._findings.error(node.place, f"{self._path}.candidates[{index}]", entry.model, text, hint)

    def _unknown(self, index: int, entry: CandidateShape) -> None:
        if self._known:
            place, path = find(self._node, index).place, f"{self._path}.candidates[{index}]"
            names = (name for name in self._reach if ("@" in name) == ("@" in entry.model))
            self._findings.error(place, path, entry.model, "is at no provider", known=names)


def _choose(path: str, shape: WorkflowShape, tree: Mapping, candidates: list[Candidate], findings: Findings) -> Choose:
    said = shape.choose
    if isinstance(said, str):
        return Choose(mode="order" if said == "order" else "weights")
    stick = cast("Stick", said.stick)
    node = find(tree, "choose")
    if said.split is not None:
        for other in ("weights", "spread"):
            if getattr(said, other) is not None:
                hint = "a policy has one way to choose; keep one of them"
                findings.error(
                    find(node, other).place,
                    f"{path}.choose.{other}",
                    show(find(node, other)),
                    "is of no use beside split",
                    hint,
                )
        _check_split(path, said.split, node, candidates, findings)
        return Choose(mode="split", stick=stick)
    weights = said.weights or WeightsShape()
    if weights.health + weights.latency + weights.load + weights.cost <= 0:
        place = find(node, "weights").place
        findings.error(place, f"{path}.choose.weights", "0", "are all 0", "let one count: health: 1")
    numbers = Weights(weights.health, weights.latency, weights.load, weights.cost)
    return Choose(mode="weights", weights=numbers, spread=0.05 if said.spread is None else said.spread, stick=stick)


def _check_split(
    path: str, split: dict[str, float], node: Node, candidates: list[Candidate], findings: Findings
) -> None:
    models = {candidate.target.model for candidate in candidates}
    shares = find(node, "split")
    for model, share in split.items():
        if candidates and model not in models:
            place = shares.keys[model] if isinstance(shares, Mapping) else shares.place
            findings.error(
                place,
                f"{path}.choose.split.{model}",
                model,
                f"has the share {share:g} and is no candidate",
                known=models,
            )
    if sum(split.values()) <= 0:
        findings.error(
            shares.place, f"{path}.choose.split", "0", "has no share above 0", "as {gpt-5.2: 90, claude-sonnet-4-5: 10}"
        )
    for model in sorted(models - set(split)):
        text = f"gives {model} no share, so it is never used"
        findings.warning(
            shares.place, f"{path}.choose.split", model, text, "give it a share, or take it from the candidates"
        )


def _check_regions(
    path: str, shape: WorkflowShape, tree: Mapping, candidates: list[Candidate], findings: Findings
) -> None:
    if not shape.regions:
        return
    outside = [c.target for c in candidates if c.target.region not in shape.regions]
    node = find(tree, "regions")
    if len(outside) == len(candidates):
        there = ", ".join(sorted({t.region or "none" for t in outside}))
        findings.error(
            node.place,
            f"{path}.regions",
            ", ".join(shape.regions)[:60],
            f"leave no candidate: theirs are {there}",
            "add a region, or a candidate there",
        )
        return
    for target in outside:
        text = f"is never used here: its region is {target.region or 'not said'}"
        findings.warning(node.place, f"{path}.candidates", target.id, text, f"allowed are {', '.join(shape.regions)}")


def _timers(shape: TimersShape) -> Timers:
    hard = shape.stall_hard
    if hard is None:
        hard = Timers().stall_us if shape.stall is None else STALL_HARD * shape.stall
    rate = UNSET if shape.rate is None else round(shape.rate * 1000)
    return Timers(shape.connect, shape.headers, shape.first_token, hard, rate)


def _recover(shape: RecoverShape) -> Recover:
    ways = (shape.stream,) if isinstance(shape.stream, str) else shape.stream
    stream = cast("tuple[StreamRecovery, ...]", ways)
    said = shape.hedge
    hedge = UNSET if said is None else Hedge(said.share_e2, said.after_us, shape.hedge_tools)
    spend = round(shape.spend * 1_000_000)
    return Recover(shape.attempts, spend, stream[0] if len(stream) == 1 else stream, shape.keepalive, hedge)


def _hold(said: Holding | None) -> Hold | UnsetType:
    return UNSET if said is None or said == Holding() else Hold(said.tokens, said.wait_us, said.whole)
