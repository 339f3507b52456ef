"""What the vendor charges: a line for each attempt and their sum, by what really was made, whatever the caller was told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from poise.sim.wall.attempt import Attempt

Hangup = Literal["stops", "whole", "free"]


class Economics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an attempt costs that did not come to its end; prices in USD per million tokens.

    hangup, when the caller left: ``stops`` charges the input and what was made until then, ``whole`` goes on and charges
    all of it, ``free`` nothing. failed, when this side broke off after it had begun: ``made`` as stops, ``input`` the input
    alone, ``free`` nothing. refused, when the status was an error: ``free``, or ``input``.
    """

    hangup: Hangup = "stops"
    failed: Literal["made", "input", "free"] = "made"
    refused: Literal["free", "input"] = "free"
    input_usd_per_mtok: float = 1.0
    output_usd_per_mtok: float = 2.0


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt's charge. told is what the caller was sent, None for nothing; wrong: it was sent, and is not the charge.

    why: ``answered``, ``hung up``, ``broke off``, ``refused`` or ``under way`` (charged nothing yet).
    """

    number: int
    id: str
    model: str
    why: str
    input_tokens: int = 0
    output_tokens: int = 0
    usd_e6: int = 0
    told: tuple[int, int] | None = None
    wrong: bool = False


class Bill(msgspec.Struct, frozen=True):
    """All lines in order of arrival, and the sums: tokens, millionths of a USD, and what callers were told in all."""

    lines: list[Line]
    input_tokens: int
    output_tokens: int
    usd_e6: int
    told_input_tokens: int
    told_output_tokens: int
    wrong: int


def bill(attempts: Iterable[Attempt], economics: Economics) -> Bill:
    """The bill for these attempts."""
    lines = [charge(attempt, economics) for attempt in attempts if attempt.dialect]
    told = [line.told for line in lines if line.told is not None]
    return Bill(
        lines,
        sum(line.input_tokens for line in lines),
        sum(line.output_tokens for line in lines),
        sum(line.usd_e6 for line in lines),
        sum(put for put, _ in told),
        sum(made for _, made in told),
        sum(line.wrong for line in lines),
    )


def charge(attempt: Attempt, economics: Economics) -> Line:
    """The line for one attempt."""
    why = _why(attempt)
    put, made = _amount(attempt, economics, why)
    factor = attempt.fault.factor_e6
    put, made = put * factor // 1_000_000, made * factor // 1_000_000
    usd_e6 = round(put * economics.input_usd_per_mtok + made * economics.output_usd_per_mtok)
    told = attempt.told[:2] if attempt.told is not None else None
    return Line(
        attempt.number,
        attempt.id,
        attempt.model,
        why,
        put,
        made,
        usd_e6,
        told,
        told is not None and told != (put, made),
    )


def _why(attempt: Attempt) -> str:
    if not attempt.ended:
        return "under way"
    if attempt.status >= 300 or attempt.fault.do in ("error-body", "html"):
        return "refused"
    if attempt.ended == "client_gone":
        whole = attempt.total_tokens and attempt.sent_tokens >= attempt.total_tokens
        return "answered" if whole and attempt.told is not None else "hung up"
    done = attempt.ended == "complete" and attempt.sent_tokens >= attempt.total_tokens
    return "answered" if done and attempt.total_tokens else "broke off"


def _amount(attempt: Attempt, economics: Economics, why: str) -> tuple[int, int]:
    """Tokens charged: input, output."""
    until_now = (attempt.prompt_tokens, attempt.made_tokens)
    if why == "answered":
        return until_now
    if why == "hung up":
        mode = attempt.fault.bill or economics.hangup
        whole = (attempt.prompt_tokens, attempt.total_tokens)
        return {"stops": until_now, "whole": whole, "free": (0, 0)}[mode]
    if why == "broke off":
        return {"made": until_now, "input": (attempt.prompt_tokens, 0), "free": (0, 0)}[economics.failed]
    if why == "refused" and economics.refused == "input":
        return attempt.prompt_tokens, 0
    return 0, 0
