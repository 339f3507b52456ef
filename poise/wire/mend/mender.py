"""Between a caller's dialect and a target's: what repairs a broken answer there."""

from __future__ import annotations

import msgspec

from poise.target import Target
from poise.wire.asked import ask_of
from poise.wire.call import Call, StreamReader
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Codec, EventWriter, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.mend.delivered import Delivered, delivered
from poise.wire.mend.restart import Restarted
from poise.wire.mend.resume import Resumed, begun


class Mender:
    """front is the caller's codec, back the target's; manner is how the target differs from its dialect."""

    def __init__(self, front: Codec, back: Codec, manner: Manner) -> None:
        self._front = front
        self._back = back
        self._manner = manner

    def delivered(self, tape: bytes) -> Delivered:
        """What the caller was sent."""
        return delivered(self._front, tape)

    def restart(self, call: Call, so_far: Delivered) -> StreamReader:
        """For the answer to the same request once more."""
        return Restarted(self._back.event_reader(), self._writer(call, so_far), so_far)

    def why_not_resumed(self, call: Call, target: Target, so_far: Delivered) -> str:
        """Why a target cannot go on with the answer; '' where it can."""
        if so_far.obstacle:
            return so_far.obstacle
        if target.can.prefill is not True:
            return f"{target.id} is not known to go on with a begun answer"
        if self._manner.prefill is None or self._back.name == "responses":
            return f"{target.vendor} has no way to be given a begun answer"
        if call.json_output:
            return "the answer has to be JSON, which is not put together from two"
        part = so_far.open_text
        if part is None or not part.text.strip():
            return "no text was being said when it broke off"
        return ""

    def resume_body(self, call: Call, target: Target, so_far: Delivered) -> bytes:
        """The request for the rest. What it cannot carry is noted in the call's lost."""
        lost = call.lost = Lost()
        ask = begun(self._ask(call), so_far.text)
        rest = ask.rest
        if self._back.name == "openai" == ask.spoken:  # whoever asked, the tokens of this attempt are counted
            rest = {**rest, "stream_options": {"include_usage": True}}
        ask = msgspec.structs.replace(ask, model=target.upstream_model, rest=rest)
        return self._back.write_ask(ask, lost, self._manner)

    def resume(self, call: Call, so_far: Delivered) -> StreamReader:
        """For the answer to ``resume_body``."""
        part = so_far.open_text
        assert part is not None  # why_not_resumed was asked before
        return Resumed(self._back.event_reader(), self._writer(call, so_far), so_far, part)

    def _writer(self, call: Call, so_far: Delivered) -> EventWriter:
        """A writer that stands where the caller stands: it has said what was delivered, to nobody."""
        lost = call.lost = call.lost or Lost()
        writer = self._front.event_writer(self._ask(call), lost)
        writer.write(so_far.events)
        return writer

    def _ask(self, call: Call) -> Ask:
        return ask_of(call, self._front)
