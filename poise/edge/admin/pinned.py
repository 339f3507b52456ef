"""What pinned a request, in words: who has what it names, or that nobody remembers."""

from __future__ import annotations

from typing import Any

from poise.decision import Inputs, Pin, PinnedInputs
from poise.policy import Policy

_NAMED_AT_MOST = 4


def pins_of(inputs: Inputs, policy: Policy | None) -> list[dict[str, Any]]:
    """Each pin of a decision as plain data."""
    if not isinstance(inputs, PinnedInputs):
        return []
    return [
        {
            "what": pin.what,
            "id": pin.id,
            "maker": pin.maker,
            "account": pin.account,
            "targets": _targets(pin, policy),
            "because": _words(pin, policy),
        }
        for pin in inputs.pins
    ]


def _words(pin: Pin, policy: Policy | None) -> str:
    if not pin.maker:
        return f"{pin.what} (id {pin.id}) names what nobody remembers making: only targets that could have stay"
    targets = _targets(pin, policy)
    shown = pin.maker if pin.maker in targets or not targets else ", ".join(targets[:_NAMED_AT_MOST])
    said = f"pinned to {shown} by {pin.what}"
    if not targets and policy is not None:
        return f"{said} (id {pin.id}), and that is no candidate"
    others = [target for target in targets if target != pin.maker][:_NAMED_AT_MOST]
    if others and pin.maker in targets:
        return f"{said} (id {pin.id}), which {', '.join(others)} of the same account may serve too"
    if others:
        return f"{said} (id {pin.id}), made by {pin.maker} of the same account"
    return f"{said} (id {pin.id})"


def _targets(pin: Pin, policy: Policy | None) -> list[str]:
    """The candidates that have it."""
    if policy is None or not pin.maker:
        return []
    return [one.target.id for i, one in enumerate(policy.candidates) if pin.at >> i & 1]
