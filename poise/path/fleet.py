"""What a worker knows at run time of its targets: connections, calls in flight, health and speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from msgspec import UnsetType

from poise.clock import Clock
from poise.decision import Pin
from poise.errors import FAILURES, AttemptFailed, Blame
from poise.path.signing import Signing
from poise.path.upstream import Pool
from poise.policy import RATE_E3, Hold
from poise.rules import health, latency
from poise.rules.budget import Budget
from poise.rules.prepare import Option, Prepared
from poise.rules.quantile import Quantiles
from poise.signal import Measure, Reading
from poise.target import Target
from poise.wire.call import Call, Dialect
from poise.wire.mend.mender import Mender
from poise.wire.pins_made import Made
from poise.wire.sse import Splitter


class Pinning(Protocol):
    """What lives where it was made: learnt of answers where learns says so, read of requests (``path.pins``)."""

    learns: bool
    chat_seals: bool

    def learn(self, made: Made, piece: bytes, lane: Lane, *, whole: bool) -> None:
        """Keep what an answer, or the next events of one, brought."""

    def read(self, front: str, call: Call, body: bytes) -> tuple[Pin, ...]:
        """The pins of a call at the door of dialect front."""


class Forms(NamedTuple):
    """What answers look like. whole_kind and stream_kind are the content types of translated ones, whole and streamed; b''
    where they go on as they came. streams_as is how the content type of the target's own streams begins, in small letters,
    splitter what cuts those.
    """

    whole_kind: bytes = b""
    stream_kind: bytes = b""
    streams_as: bytes = b"text/event-stream"
    splitter: Callable[[], Splitter] = Splitter


AS_THEY_COME: Final = Forms()


class Tongue:
    """How a target is spoken to by callers of one dialect.

    heads is everything of the upstream request's head that never changes, by surface and whether it streams. mender
    repairs broken streams, None where nothing does. made finds in answers what lives where it was made; None where they
    bring no such thing. drains: hanging up saves nothing, so an answer is read to its end to learn its tokens. chained:
    another gateway may stand there, which is told how many attempts are left. signing is None where the heads say all that
    shows who we are.
    """

    __slots__ = (
        "chained", "dialect", "drains", "heads", "made", "mender", "signing", "splitter", "stream_kind", "streams_as",
        "whole_kind",
    )  # fmt: skip

    def __init__(
        self,
        dialect: Dialect,
        heads: dict[tuple[str, bool], bytes],
        forms: Forms = AS_THEY_COME,
        mender: Mender | None = None,
        *,
        made: Made | None = None,
        drains: bool = False,
        chained: bool = False,
        signing: Signing | None = None,
    ) -> None:
        self.mender = mender
        self.drains = drains
        self.chained = chained
        self.dialect = dialect
        self.made = made
        self.heads = heads
        self.whole_kind = forms.whole_kind
        self.stream_kind = forms.stream_kind
        self.streams_as = forms.streams_as
        self.splitter = forms.splitter
        self.signing = signing


class Lane:
    """One target as this worker sees it. One owner: the worker's event loop.

    tongues are by the caller's dialect; secret is redacted from what upstreams say. first_token_us and stall_us are how
    long it may be silent at least, whatever the policy's timers say.
    """

    __slots__ = (
        "_clock",
        "_first_token",
        "_theirs",
        "_total",
        "budget",
        "first_token",
        "first_token_us",
        "health",
        "in_flight",
        "others_in_flight",
        "poise_head",
        "pool",
        "quantiles",
        "secret",
        "stall_us",
        "target",
        "tongues",
        "total",
    )

    def __init__(self, target: Target, pool: Pool, tongues: dict[str, Tongue], secret: str, clock: Clock) -> None:
        self.target = target
        self.pool = pool
        self.tongues = tongues
        patience = target.patience
        self.first_token_us = 0 if isinstance(patience, UnsetType) else patience.first_token_us
        self.stall_us = 0 if isinstance(patience, UnsetType) else patience.stall_us
        self.secret = secret
        self.poise_head = b"x-poise-target: " + target.id.encode() + b"\r\n"
        self.in_flight = 0
        self.others_in_flight = 0
        self.budget = Budget()
        self.quantiles: Quantiles | None = None  # kept where a policy hedges
        self.health = health.Health()
        self.first_token = Measure()
        self.total = Measure()
        self._theirs: Reading | None = None
        self._first_token = Measure()  # the newer of ours and theirs
        self._total = Measure()
        self._clock = clock

    def reading(self, now_us: int) -> Reading:
        """This worker's own view, overlaid on the board's: it may only be more careful, and newer measures win."""
        own, theirs = self.health, self._theirs
        evidence = own.evidence_e6(now_us) if own.evidence else 0
        until_us = own.ejected_until_us
        if theirs is not None:
            evidence = max(evidence, theirs.evidence_e6)
            until_us = max(until_us, theirs.ejected_until_us)
        in_flight = self.in_flight + self.others_in_flight
        return Reading(in_flight, evidence, until_us, self._first_token, self._total)

    def own(self, now_us: int) -> Reading:
        """What this worker tells control: nothing that it learnt from the board."""
        return Reading(
            self.in_flight, self.health.evidence_e6(now_us), self.health.ejected_until_us, self.first_token, self.total
        )

    def learn(self, theirs: Reading | None, others_in_flight: int) -> None:
        """Take over the board's view of this target."""
        self._theirs = theirs
        self.others_in_flight = others_in_flight if theirs is not None else 0
        self._merge()

    def succeeded(self, first_token_us: int, total_us: int, now_us: int) -> None:
        """A complete answer: durations in microseconds, -1 where there was no first token to see."""
        if self.health.evidence:
            self.health = health.after_success(self.health, now_us)
        if self.quantiles is not None:
            self.quantiles.add(total_us if first_token_us < 0 else first_token_us)
        if first_token_us >= 0:
            self.first_token = latency.add(self.first_token, first_token_us, now_us)
        self.total = latency.add(self.total, total_us, now_us)
        self._merge()

    def _merge(self) -> None:
        """Here, and not for each reading: measures change when an attempt ends or control speaks."""
        theirs = self._theirs
        self._first_token = self.first_token if theirs is None else _newer(self.first_token, theirs.first_token)
        self._total = self.total if theirs is None else _newer(self.total, theirs.total)

    def failed(self, failure: AttemptFailed, now_us: int) -> None:
        """A failed attempt. Only the target's own fault counts against it."""
        if FAILURES[failure.failure].blame is Blame.TARGET:
            chance = (self._clock.bits64() >> 11) / (1 << 53)
            self.health = health.after_failure(self.health, now_us, chance)


class Route:
    """A policy ready to serve: its rules prepared, and a lane for each candidate, in the policy's order.

    pins is None where a request could go to one place only, and that one has whatever it names or says what it has not.
    """

    __slots__ = ("_options", "hedge", "hold", "lanes", "pins", "policy", "prepared", "rate_e3", "repairs")

    def __init__(self, prepared: Prepared, lanes: tuple[Lane, ...], pins: Pinning | None = None) -> None:
        self.pins = pins
        self.policy = policy = prepared.policy
        self.repairs = policy.recover.repairs
        self.hedge = None if isinstance(policy.recover.hedge, UnsetType) else policy.recover.hedge
        self.hold = None if isinstance(policy.hold, UnsetType) or policy.hold == Hold() else policy.hold
        self.rate_e3 = RATE_E3 if isinstance(policy.timers.rate_e3, UnsetType) else policy.timers.rate_e3
        for lane in lanes if self.hedge is not None else ():
            lane.quantiles = lane.quantiles or Quantiles()
        self.prepared = prepared
        self.lanes = lanes
        self._options = {option.candidate: option for option in prepared.options}

    def option(self, index: int) -> Option:
        """The prepared constants of candidate ``index``."""
        return self._options[index]


def _newer(own: Measure, theirs: Measure) -> Measure:
    return own if own.at_us >= theirs.at_us else theirs
