"""What the wall does with one request, as a value. ``grammar`` reads it from a model's name, ``play`` turns it into bytes."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

Do = Literal[
    "ok",  # a good answer
    "status",  # an error status with the dialect's own error object
    "error",  # an error event inside a stream of status 200, after ``at`` tokens
    "error-body",  # status 200, and an error object as its body
    "html",  # status 200 with a web page
    "empty",  # status 200 with a body of nothing; a stream without an event
    "half-json",  # a body that ends in mid-JSON, its length right
    "length",  # a content-length that is ``size`` too large (too small where negative)
    "chunk",  # chunked framing that breaks: ``bad`` (no size), ``cut`` (ends inside a chunk)
    "sse",  # a stream whose lines are odd; ``style`` says how
    "giant",  # a stream whose one event is ``size`` bytes long and has no line end
    "cut",  # the answer ends after ``at`` tokens or ``at_byte`` bytes, by ``end``
    "stall",  # silence after ``at`` tokens, for stall_s or for ever
    "drip",  # one byte every stall_s
    "silent",  # nothing at all, until the caller gives up
    "reset",  # RST before a byte of the answer
    "hang-up",  # FIN before a byte of the answer
    "linger",  # a finished answer on a connection that does not end
    "headers",  # ``size`` header lines
    "header-value",  # one header line of ``size`` bytes
    "dup-length",  # two content-lengths that differ
    "bad-header",  # a header that HTTP does not allow; ``style`` says which
    "interim",  # ``size`` interim answers (103) before the real one
    "gzip",  # a compressed body that grows to ``size`` bytes when it is read
    "redirect",  # a redirect to ``text``
    "crash",  # the whole server is gone for stall_s: every connection reset, the port closed
    "raw",  # exactly the bytes of ``text``, then ``end``
]
End = Literal[
    "",
    "done",  # the answer is complete; the connection stays
    "fin",  # an orderly close
    "rst",  # a reset
    "bare",  # FIN without TLS's close_notify; without TLS the same as fin
    "half",  # FIN for what is sent, while what comes is still read
    "never",  # nothing more, until the caller goes
]
Bill = Literal["", "stops", "whole", "free"]
DOS: Final = get_args(Do)
ENDS: Final = ("fin", "rst", "bare", "half", "never")
USAGES: Final = ("", "none", "zero", "negative", "contradict", "repeat", "after-done", "inline")
STYLES: Final[dict[str, tuple[str, ...]]] = {
    "sse": (
        "bad-line", "bad-json", "bad-utf8", "crlf", "cr", "mixed", "bom", "comments", "no-space", "ids", "multi-line",
    ),
    "chunk": ("bad", "cut"),
    "bad-header": ("nul", "cr", "space", "fold", "empty-name"),
    "gzip": ("", "nested"),
}  # fmt: skip


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One request's fate. Times in seconds, sizes in bytes; 0 and '' leave a thing as a good upstream has it.

    wait_s passes before the head, first_s between head and first token, rate paces tokens per second (0: at once); a
    whole answer waits for all three. tokens fixes the answer's length; vary makes restarts differ. model is the name
    the answer gives itself, finish why it says it ended, tool a call instead of words (``ok``, or ``broken`` JSON).
    usage says how the counts are told wrong. slice_bytes is the most that is written at once. split cuts what is
    written after so many bytes, and at_byte of ``head`` counts from the first byte of the head.

    share_e6 and marker narrow it: to that share of requests in millionths, to prompts that hold the word. from_s to
    to_s is a window since the wall's start, and with period_s it comes again; times is for how many requests it holds
    (0: no bound). bill and factor_e6 are economics of this request alone: what hanging up costs, and how many
    millionths of the truth are charged.
    """

    do: Do = "ok"
    status: int = 200
    reason: str = ""
    style: str = ""
    text: str = ""
    at: int = -1
    at_byte: int = -1
    head: bool = False
    end: End = ""
    size: int = 0
    stall_s: float = 0.0
    wait_s: float = 0.0
    first_s: float = 0.0
    rate: float = 0.0
    tokens: int = 0
    vary: bool = False
    model: str = ""
    finish: str = ""
    tool: str = ""
    usage: str = ""
    done: bool = True
    slice_bytes: int = 0
    split: int = 0
    content_type: str = ""
    retry_after: str = ""
    retry_after_ms: str = ""
    date: str = ""
    share_e6: int = 1_000_000
    marker: str = ""
    from_s: float = 0.0
    to_s: float = 0.0
    period_s: float = 0.0
    times: int = 0
    bill: Bill = ""
    factor_e6: int = 1_000_000

    @property
    def windowed(self) -> bool:
        """Whether it holds at certain times only."""
        return self.to_s > 0

    def holds(self, now_s: float) -> bool:
        """Whether its window is open, now_s after the wall's start."""
        if not self.windowed:
            return True
        return self.from_s <= (now_s % self.period_s if self.period_s else now_s) < self.to_s


OK: Final = Fault()
