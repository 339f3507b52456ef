"""Which running copy of the target: binds an attempt to one address and makes the bytes that go there.

A rented target has one address, its provider's; hosted ones will have replicas to weigh here.
"""

from __future__ import annotations

from collections.abc import Coroutine

from poise.errors import AttemptFailed, Failure
from poise.path.gate import Gate
from poise.path.service import Answered, Attempt, Dispatch, Service
from poise.wire.oip.request import at_version


class Balance:
    """Attempt to Dispatch."""

    def __init__(self, below: Service[Dispatch, Gate, Answered]) -> None:
        self._below = below.__call__  # bound once: calling an object looks its method up each time

    def __call__(self, attempt: Attempt, gate: Gate, /) -> Coroutine[object, None, Answered]:
        """Raises AttemptFailed: NOT_CARRIED where the caller is strict and a translation would lose something; AUTH where
        the target's credentials are not there.
        """
        request = attempt.plan.request
        lane = attempt.lane
        call = request.call
        tongue = lane.tongues[request.dialect.name]
        call.begin()
        repair = attempt.repair
        if repair is None or not repair.resumes:
            body = tongue.dialect.upstream_body(call, lane.target)
        else:
            body = repair.mender.resume_body(call, lane.target, repair.delivered)
        lost = call.lost
        if lost is not None and lost.count and call.strict:
            what = f"{tongue.dialect.name} cannot carry {', '.join(lost.told())}"
            raise AttemptFailed(Failure.NOT_CARRIED, what)
        forward = request.forward
        signing = tongue.signing
        if signing is not None:
            forward += signing.lines(call.surface, call.stream, body, attempt.started_us)
        # x-client-request-id is OpenAI's own header for this: it names the attempt in the vendor's log as in ours.
        head = tongue.heads[(call.surface, call.stream)]
        if call.version:
            head = at_version(head, call.version)
        data = b"%sx-client-request-id: d-%016x.%d\r\n%scontent-length: %d\r\n\r\n%s" % (
            head,
            request.id,
            attempt.number,
            forward if not tongue.chained else b"%sx-poise-attempts-left: %d\r\n" % (forward, attempt.left),
            len(body),
            body,
        )
        return self._below(Dispatch(attempt, lane, tongue, data), gate)
