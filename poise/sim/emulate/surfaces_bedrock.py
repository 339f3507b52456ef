"""The surfaces of Bedrock: Converse, whole and streamed."""

from __future__ import annotations

from poise.sim.emulate import converse_read, converse_write
from poise.sim.emulate.event_stream import TYPE
from poise.sim.emulate.message import Answered, Request, whole
from poise.sim.emulate.surface import Here, body_of, decide, entire, streamed


def converse(request: Request, here: Here) -> Answered:
    """``/model/{model}/converse``"""
    asked = converse_read.read(body_of(request), model=here.model)
    scenario, reply = decide(asked, here)
    return entire(whole(converse_write.answer(reply)), scenario)


def converse_stream(request: Request, here: Here) -> Answered:
    """``/model/{model}/converse-stream``"""
    asked = converse_read.read(body_of(request), model=here.model)
    scenario, reply = decide(asked, here)
    return streamed(converse_write.frames(reply), scenario, lambda _: converse_write.broken(), TYPE)
