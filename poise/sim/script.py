"""What a simulated upstream does with a request: a Step says it in words, a Script says which Step is whose."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec

Do = Literal[
    "answer",  # a good answer
    "status",  # an error status with OpenAI's error body
    "reset",  # the connection is reset before a byte of the answer
    "hang_up",  # the connection is closed in an orderly way before a byte of the answer
    "silent",  # nothing at all, until the caller gives up
    "stall",  # a stream that falls silent after ``events`` events; it goes on after ``stall_s`` if that is > 0
    "cut",  # the connection is reset (``reset``) or closed after ``events`` events; a whole answer after half its bytes
    "stream_error",  # an error event after ``events`` events, then the end of the stream
    "malformed",  # 200 with a body that is no JSON; in a stream, one broken event after ``events`` events
    "error_body",  # 200 with an error object as its body
    "html",  # 200 with a web page
    "redirect",  # 307 to ``location``
    "header_bomb",  # an answer with ``events`` header lines
    "raw",  # the bytes of ``raw`` (Latin-1), then the connection is closed
]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to one request. Waits in seconds; a rate of 0 sends everything at once.

    wait_s passes before the answer's head, first_token_s between head and first token (streams) or before the head
    (whole answers); tokens_per_s paces streams and delays whole answers by their length. events counts events that
    carry a token. tokens fixes the length of the answer, 0 leaves it to the prompt. model is the name the answer
    gives itself, '' the one that was asked for. usage false leaves usage out as some servers do. done false lets a
    stream end without its ``[DONE]``.
    """

    do: Do = "answer"
    status: int = 503
    retry_after: str = ""
    wait_s: float = 0.0
    first_token_s: float = 0.0
    tokens_per_s: float = 0.0
    events: int = 0
    stall_s: float = 0.0
    reset: bool = False
    tokens: int = 0
    model: str = ""
    usage: bool = True
    done: bool = True
    code: str = ""
    message: str = ""
    location: str = "http://169.254.169.254/latest/meta-data"
    raw: str = ""


class Script:
    """Which step the next request meets: the next of ``steps``, else its model's, else the standing one.

    Change it at any time; requests under way keep the step they met.
    """

    def __init__(self, standing: Step | None = None) -> None:
        self._first = standing or Step()
        self.standing = self._first
        self.by_model: dict[str, Step] = {}
        self.steps: deque[Step] = deque()

    def forget(self) -> None:
        """Back to what it was made with."""
        self.standing = self._first
        self.by_model.clear()
        self.steps.clear()

    def then(self, steps: Iterable[Step]) -> None:
        """Queue steps, one for each of the next requests."""
        self.steps.extend(steps)

    def step_for(self, model: str) -> Step:
        """The step of a request that has just come in for this model; a queued one is used up."""
        if self.steps:
            return self.steps.popleft()
        return self.by_model.get(model, self.standing)
