"""What a child is told on its command line: one word of JSON, so that a person who looks at ``ps`` can read it."""

from __future__ import annotations

import msgspec


class WorkerStart(msgspec.Struct, frozen=True):
    """For a worker: which one it is (0 first), all listening sockets' descriptors, and which of them is its own.

    data is the data folder; channel the descriptor of the socketpair to the supervisor.
    """

    index: int
    own: int
    sockets: tuple[int, ...]
    data: str
    channel: int = -1


class ControlStart(msgspec.Struct, frozen=True):
    """For control: life is a descriptor that reads as ended once the supervisor and all workers are gone."""

    life: int
    data: str
    channel: int = -1


Start = WorkerStart | ControlStart


def word(start: Start, channel: int) -> str:
    """The word for a child whose end of the socketpair is channel."""
    return msgspec.json.encode(msgspec.structs.replace(start, channel=channel)).decode()
