"""Decisions: the exact inputs and the verdict of one choice, the attempts that followed, and the one outcome.

Records are msgpack arrays; FORMAT names their shape. Old records are never rewritten: when a shape changes, FORMAT
is raised and the reader of the old shape stays.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

import msgspec

from poise.request import Facts
from poise.signal import Reading

FORMAT = 1
PINNED_FORMAT = 2  # as 1, and what the request is pinned by (``PinnedInputs``)

_ID = re.compile(r"d-[0-7][0-9a-f]{15}")


class Kind(StrEnum):
    """How a decision answered the request."""

    ROUTED = "routed"
    CACHED = "cached"
    JOINED = "joined"
    REFUSED = "refused"


class Drop(StrEnum):
    """Why a candidate was not considered. The list is closed; docs/decision.md explains each."""

    # cannot
    MODALITY = "modality"
    CONTEXT_LENGTH = "context_length"
    TOOLS = "tools"
    DIALECT = "dialect"
    PINNED = "pinned"
    # may not
    KEY = "key"
    REGION = "region"
    POLICY = "policy"
    WHEN = "when"
    # should not
    EJECTED = "ejected"
    AT_LIMIT = "at_limit"
    OVER_BUDGET = "over_budget"
    NO_TIME_LEFT = "no_time_left"
    # of later attempts only
    RETRY_BUDGET = "retry_budget"
    PREFILL = "prefill"


class OutcomeKind(StrEnum):
    """How a request ended. Exactly one per accepted request; the list is closed."""

    COMPLETED = "completed"
    FAILED = "failed"
    TRUNCATED = "truncated"
    CLIENT_GONE = "client_gone"
    REFUSED = "refused"
    DEADLINE = "deadline"
    DRAINED = "drained"
    GATEWAY_CRASH = "gateway_crash"


class Inputs(msgspec.Struct, frozen=True, array_like=True):
    """Everything ``choose`` read. readings stand in the order of the policy's candidates (sorted by target id).

    rules and policy are 8-byte digests; times are wall time in microseconds; seed is 64 bits; board_age_us is -1
    where there was no board; time_left_us and spend_left_usd_e6 are what remains of the request's budget (-1: no bound);
    postures name those in force, applied in this order.
    """

    format: int
    rules: bytes
    policy: bytes
    facts: Facts
    readings: tuple[Reading, ...]
    now_us: int
    seed: int
    board_age_us: int = -1
    time_left_us: int = -1
    spend_left_usd_e6: int = -1
    postures: tuple[str, ...] = ()


class Pin(msgspec.Struct, frozen=True, array_like=True):
    """What ties a request to where something was made. No content: id is 8 hexadecimal digits of a keyed digest.

    what is the caller's own word (``previous_response_id``). maker is the target that made it, '' where nobody remembers;
    account: any target of the same provider has it too. Bit i of at is set where candidate i has it, of can where it
    knows such a thing at all, by its dialect.
    """

    what: str
    id: str
    maker: str = ""
    account: bool = False
    at: int = -1
    can: int = -1


class Maker(NamedTuple):
    """Who made something that lives where it was made: the target, and its provider's account."""

    provider: str
    target: str


class PinnedInputs(Inputs, frozen=True, array_like=True):
    """Inputs of a request that names what lives at one provider; its format is PINNED_FORMAT."""

    pins: tuple[Pin, ...] = ()


class Ranked(msgspec.Struct, frozen=True, array_like=True):
    """A candidate that could serve, by its index in the policy: parts and score in millionths of 1.

    draw_e6 is what the pick compared: score / spread plus this candidate's Gumbel number; probability_e6 the exact
    chance of being picked. assumed names the signals that were missing or stale and were replaced by the prior.
    """

    candidate: int
    score_e6: int
    health_e6: int
    latency_e6: int
    load_e6: int
    cost_e6: int
    probability_e6: int
    draw_e6: int
    assumed: tuple[str, ...] = ()


class Dropped(msgspec.Struct, frozen=True, array_like=True):
    """A candidate that could not, may not or should not serve, with the closed reason and the figures behind it."""

    candidate: int
    reason: Drop
    value: int = 0
    bound: int = 0


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """ranked is best first; choice is ranked[0]'s candidate, or -1 where every candidate was dropped.

    panic: all that could and may serve were ejected, so ejection was set aside rather than refuse everyone.
    """

    choice: int
    ranked: tuple[Ranked, ...]
    dropped: tuple[Dropped, ...]
    panic: bool = False


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """Inputs and verdict. id is a 64-bit number, time-ordered; ``show_id`` is its text."""

    id: int
    kind: Kind
    inputs: Inputs
    verdict: Verdict


class AttemptRecord(msgspec.Struct, frozen=True, array_like=True):
    """One try at one target: started_us after the decision, durations in microseconds, -1 where it did not happen.

    failure is empty for a success; skipped names the Drop reason where the attempt was passed over without a call.
    billing is how sure the token counts are: exact, estimated, bounded, or uncounted where none are known. lost names what
    a translation to the target's dialect could not carry, in the caller's words, and how many events of a stream nobody could
    read; repair how the attempt was to mend a broken answer, and where its seam is.
    """

    target: str
    started_us: int
    first_token_us: int = -1
    took_us: int = 0
    status: int = 0
    failure: str = ""
    detail: str = ""
    skipped: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_e6: int = 0
    billing: str = "exact"
    model: str = ""
    lost: tuple[str, ...] = ()
    repair: str = ""


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """Tokens of one answer as the upstream counted them: all that was read and all that was written, thought included, and
    which of them are charged at a price of their own. sure: the figures agree with each other and are the last ones.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    image_input: int = 0
    audio_input: int = 0
    image_output: int = 0
    audio_output: int = 0
    reasoning: int = 0  # of what was written; told apart where it is known, charged alike
    charged_usd_e6: int = (
        -1
    )  # what the vendor says that it charged, where it counts no tokens; -1 where it does not say
    sure: bool = True

    @property
    def cached(self) -> int:
        """Read from the vendor's cache."""
        return self.cached_tokens

    @property
    def input(self) -> int:
        """Text that was read, neither cached nor of another kind."""
        special = self.cached_tokens + self.cache_write + self.cache_write_long + self.image_input + self.audio_input
        return max(0, self.input_tokens - special)

    @property
    def output(self) -> int:
        """Text that was written, thought left out where it is told apart."""
        return max(0, self.output_tokens - self.image_output - self.audio_output - self.reasoning)


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """How the request ended: kind, the HTTP status the caller got, the error code if any, bytes delivered.

    delivered is ``all``, ``some``, ``none`` or ``unknown``.
    """

    kind: OutcomeKind
    status: int
    target: str = ""
    code: str = ""
    took_us: int = 0
    first_byte_us: int = -1
    bytes: int = 0
    delivered: str = "all"
    attempts: tuple[AttemptRecord, ...] = ()


def show_id(number: int) -> str:
    """A decision's id as people see it: ``d-`` and 16 hexadecimal digits, time-ordered like the number."""
    return f"d-{number:016x}"


def read_id(text: str) -> int:
    """The number of ``show_id``. Raises ValueError where text is not an id."""
    if _ID.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a decision id; expected d- and 16 hexadecimal digits")
    return int(text.removeprefix("d-"), base=16)


class _PinnedDecision(msgspec.Struct, frozen=True, array_like=True):
    id: int
    kind: Kind
    inputs: PinnedInputs
    verdict: Verdict


def decode_decision(raw: bytes) -> Decision:
    """The decision that ``encode_decision`` wrote, of any format. Raises msgspec.DecodeError."""
    decision = _decode(raw)
    if decision.inputs.format < PINNED_FORMAT:
        return decision
    pinned = _decode_pinned(raw)
    return Decision(pinned.id, pinned.kind, pinned.inputs, pinned.verdict)


encode_decision = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Decision).decode
_decode_pinned = msgspec.msgpack.Decoder(_PinnedDecision).decode
encode_outcome = msgspec.msgpack.Encoder().encode
decode_outcome = msgspec.msgpack.Decoder(Outcome).decode
encode_verdict = msgspec.msgpack.Encoder().encode
