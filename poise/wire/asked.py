"""A call as the conversation in the middle."""

from __future__ import annotations

from poise.wire.body import encode
from poise.wire.call import Call
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Codec
from poise.wire.conversation.joined import joined


def ask_of(call: Call, front: Codec) -> Ask:
    """Read once, however many targets are tried. front is the caller's codec; raises as its ``read_ask`` does."""
    ask = call.ask
    if ask is None:
        ask = front.read_ask(encode(call.fields), model=call.model, stream=call.stream)
        ask = call.ask = joined(ask, pieces=ask.spoken == "gemini")
    return ask
