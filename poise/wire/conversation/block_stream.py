"""Streams in dialects of content blocks, written: one block after the other, whichever way the parts came.

A part that opens while a tool call is still growing waits for its end; text and thought are closed for it, and go on in
a new block where more of them comes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.block_answer import ending_lost
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Part

PartEvent = Open | Grow | Cite | Seal | Close
_CALLS = frozenset({"call", "free"})  # blocks that must be complete before another begins


class BlockWriter(ABC):
    """What is open, what waits, and whose turn it is; a dialect says how each thing is written (``EventWriter``)."""

    __slots__ = (
        "_at",
        "_counted",
        "_end",
        "_ids",
        "_kind",
        "_known",
        "_lost",
        "_name",
        "_next",
        "_others",
        "_over",
        "_own",
        "_told",
        "_waiting",
    )

    def __init__(self, ask: Ask, lost: Lost | None, name: str) -> None:
        """name: the dialect's, as ``Start.spoken`` says it."""
        self._lost = lost if lost is not None else Lost()
        self._name = name
        self._ids = CallIds(count=calls_before(ask))
        self._others: set[int] = set()  # further choices, for which there is no room
        self._told = False  # the answer's first frame is out
        self._over = False
        self._own = False
        self._counted: Usage | None = None
        self._end: End | None = None
        self._next = 0  # number of the next block
        self._at = -1  # the part whose block is open, -1 for none
        self._kind = ""  # what that block is: text, thought, call, free
        self._known: dict[int, str] = {}  # every part so far, and what it is; '' for one that has no block here
        self._waiting: dict[int, list[PartEvent]] = {}

    def write(self, events: list[Event]) -> bytes:
        """The events as bytes."""
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, PartEvent):
                if event.choice:
                    self._other(event.choice)
                else:
                    self._part(event, out)
            elif isinstance(event, Counted):
                self._counted = event.usage
            elif isinstance(event, Start):
                self._own = event.spoken == self._name
                self._begun(event, out)
            elif isinstance(event, End):
                if event.choice == 0:
                    self._end = event
                else:
                    self._other(event.choice)
            elif isinstance(event, Done):
                self._done(out)
            else:
                self._fault(event, out)
        self._after(out)
        return b"".join(out)

    # -- what a dialect says -----------------------------------------------------------------------------------------

    @abstractmethod
    def _begun(self, start: Start, out: list[bytes]) -> None:
        """The answer begins."""

    def _after(self, out: list[bytes]) -> None:  # noqa: B027 - a dialect that has nothing to add need not say so
        """All events of a call are written."""

    @abstractmethod
    def _open(self, at: int, part: Part, out: list[bytes]) -> None:
        """Begin a part's block; nothing is open. Sets _known, and _at and _kind where a block is open afterwards."""

    @abstractmethod
    def _again(self, at: int, kind: str, out: list[bytes]) -> None:
        """Go on with a text or thought, whose block was closed, in a new one."""

    @abstractmethod
    def _text(self, text: str, out: list[bytes]) -> None:
        """More of the open text, thought or call."""

    @abstractmethod
    def _seal(self, signature: str, sealed: str, out: list[bytes]) -> None:
        """Of the open thought."""

    @abstractmethod
    def _cite(self, citation: Citation, out: list[bytes]) -> None:
        """Of the open text."""

    @abstractmethod
    def _stop(self, out: list[bytes]) -> None:
        """Close the open block, if one is open."""

    @abstractmethod
    def _done(self, out: list[bytes]) -> None:
        """The answer is complete."""

    @abstractmethod
    def _fault(self, fault: Fault, out: list[bytes]) -> None:
        """The answer broke off."""

    # -- whose turn it is ---------------------------------------------------------------------------------------------

    def _other(self, choice: int) -> None:
        if choice not in self._others:
            self._others.add(choice)
            self._lost.add(f"choices[{choice}]", "there is room for one answer only")

    def _part(self, event: PartEvent, out: list[bytes]) -> None:
        at = event.index
        if at != self._at and (at in self._waiting or self._kind in _CALLS):
            self._waiting.setdefault(at, []).append(event)
        else:
            self._more(event, out)
        if self._waiting:
            self._drain(out)

    def _drain(self, out: list[bytes]) -> None:
        while self._waiting and self._at < 0:
            for event in _joined(self._waiting.pop(next(iter(self._waiting)))):
                self._more(event, out)

    def _more(self, event: PartEvent, out: list[bytes]) -> None:
        """An event of the part whose block is open, or of one whose turn it is."""
        at = event.index
        if isinstance(event, Open):
            self._stop(out)
            self._open(at, event.part, out)
            return
        kind = self._known.get(at, "")
        if isinstance(event, Close):
            if at == self._at:
                self._stop(out)
            return
        if not kind or (at != self._at and kind in _CALLS):
            return  # it has no block here, or its block is complete
        if at != self._at:
            self._stop(out)
            self._again(at, kind, out)
        if isinstance(event, Grow):
            self._text(event.text, out)
        elif isinstance(event, Seal):
            if kind == "thought":
                self._seal(event.signature, event.sealed, out)
        elif kind == "text":
            self._cite(event.citation, out)

    def _close_all(self, out: list[bytes]) -> None:
        """Write what waits, also calls that nobody closed."""
        self._stop(out)
        while self._waiting:
            self._drain(out)
            self._stop(out)

    def _end_lost(self, end: End, exact: frozenset[Ending]) -> None:
        """Note what another dialect's ending cannot say. exact: endings that have a word."""
        ending_lost(end.ending, self._lost, exact)
        self._lost.rest("choices[0]", end.rest)
        self._lost.rest("usage", {} if self._counted is None else self._counted.rest)


def _joined(events: list[PartEvent]) -> list[PartEvent]:
    """What grew while it waited is said at once."""
    found: list[PartEvent] = []
    pieces: list[str] = []
    for event in events:
        if isinstance(event, Grow):
            pieces.append(event.text)
            continue
        if pieces:
            found.append(Grow(event.index, "".join(pieces)))
            pieces = []
        found.append(event)
    if pieces:
        found.append(Grow(events[0].index, "".join(pieces)))
    return found
