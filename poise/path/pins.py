"""Who made what: a worker's memory of ids and seals, and what it says of a request that names some of them.

Kept is a keyed digest of each id with the target that made it, never the id: who reads this memory learns no id, and who
guesses one learns nothing from it. A digest of an id that another key's caller made is a digest like any other.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from poise.decision import Maker, Pin
from poise.path.fleet import Lane
from poise.wire.call import Call
from poise.wire.pins_made import Made
from poise.wire.pins_read import CONVERSATION, FILE, RESPONSE, SEAL, Named, named

MAX_KEPT: Final = 65_536  # about 13 MiB
MAX_FRESH: Final = 16_384  # not yet told to control; beyond it the oldest are kept by this worker alone
MAX_PINS: Final = 32  # of one request; there are as many as kinds times makers
DIGEST_BYTES: Final = 16
_SHOWN_CHARS: Final = 8
_MOST_MAKERS: Final = 4096
# Doors that are another dialect's by another framing; files go between OpenAI's two.
_SPOKEN: Final = {"gemini-array": "gemini", "gemini-count": "gemini", "anthropic-count": "anthropic"}
_SIBLINGS: Final = ("openai", "responses")
_CONVERSATIONS: Final = (RESPONSE, CONVERSATION)  # what is answered without them is answered out of nothing


class PinBook:
    """Bounded, oldest out first. One owner: the worker's event loop. wake is called when there is news for control."""

    def __init__(self, key: bytes, most: int = MAX_KEPT) -> None:
        self._key = key
        self._most = most
        self._made: dict[bytes, Maker] = {}
        self._order: deque[bytes] = deque()
        self._makers: dict[Maker, Maker] = {}
        self._fresh: deque[bytes] = deque(maxlen=MAX_FRESH)
        self._own: set[bytes] = set()
        self.wake: Callable[[], None] | None = None

    def digest(self, kind: str, value: str) -> bytes:
        """What stands for an id of a kind."""
        raw = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(raw, key=self._key, digest_size=DIGEST_BYTES).digest()

    def maker(self, digest: bytes) -> Maker | None:
        """Who made it; None where that is not remembered."""
        return self._made.get(digest)

    def learn(self, kind: str, value: str, lane: Lane) -> None:
        """A lane made something that later requests may name: remember it, and tell the other workers."""
        target = lane.target
        digest = self.digest(kind, value)
        if self._put(digest, Maker(target.provider, target.id)):
            self._own.add(digest)
            self._fresh.append(digest)
            if self.wake is not None:
                self.wake()

    def hear(self, rows: Iterable[tuple[bytes, Maker]]) -> None:
        """What other workers learnt, as control tells it."""
        for digest, maker in rows:
            self._put(digest, maker)

    def news(self, most: int) -> list[tuple[bytes, Maker]]:
        """The oldest news that control has not been told, taken out."""
        rows: list[tuple[bytes, Maker]] = []
        fresh = self._fresh
        while fresh and len(rows) < most:
            digest = fresh.popleft()
            maker = self._made.get(digest)
            if maker is not None:
                rows.append((digest, maker))
        return rows

    def retell(self) -> None:
        """Another control is there: what this worker itself learnt is news again."""
        self._fresh.clear()
        self._fresh.extend(digest for digest in self._order if digest in self._own)

    def __len__(self) -> int:
        return len(self._made)

    def __repr__(self) -> str:
        return f"PinBook({len(self._made)} of {self._most}, {len(self._fresh)} to tell)"

    def _put(self, digest: bytes, maker: Maker) -> bool:
        """Whether that is news."""
        known = self._made.get(digest)
        if known == maker:
            return False
        one = self._makers.get(maker)
        if one is None:
            if len(self._makers) >= _MOST_MAKERS:
                self._makers.clear()  # the entries hold theirs; only equal ones are shared no longer
            one = self._makers[maker] = maker
        self._made[digest] = one
        if known is None:
            self._order.append(digest)
            if len(self._order) > self._most:
                oldest = self._order.popleft()
                del self._made[oldest]
                self._own.discard(oldest)
        return True


class Pinning:
    """What one route does with pins. Made for routes only whose candidates differ in who could have made something, or
    cannot go on with a conversation that lives at a provider.

    learns: there is more than one target, so it matters who made what.
    """

    def __init__(self, book: PinBook, lanes: tuple[Lane, ...]) -> None:
        self._book = book
        self._lanes = lanes
        self.learns = len({lane.target.id for lane in lanes}) > 1
        self._accounts = len({lane.target.provider for lane in lanes}) > 1
        self._forgetful = not _continue_all(lanes)
        # Chat itself knows no seals; those of others come through it where such a target may have answered.
        self.chat_seals = self.learns and any(lane.target.dialect != "openai" for lane in lanes)

    @staticmethod
    def matters(lanes: tuple[Lane, ...]) -> bool:
        """Whether there is more than one place for a request to go, or one that would answer without what it names."""
        return len({lane.target.id for lane in lanes}) > 1 or not _continue_all(lanes)

    def learn(self, made: Made, piece: bytes, lane: Lane, *, whole: bool) -> None:
        """Keep what an answer, or the next events of one, brought."""
        for found in made.whole(piece) if whole else made.events(piece):
            if self._accounts or found.kind == SEAL:
                self._book.learn(found.kind, found.value, lane)

    def read(self, front: str, call: Call, body: bytes) -> tuple[Pin, ...]:
        """The pins of a call at the door of dialect front, in the order in which it names them."""
        pins: dict[tuple[str, str], Pin] = {}
        for one in named(front, call, body):
            if self._accounts or one.kind == SEAL or (self._forgetful and one.kind in _CONVERSATIONS):
                pin = self._pin(_SPOKEN.get(front, front), one)
                if pin is not None and len(pins) < MAX_PINS:
                    pins.setdefault((pin.what, pin.maker), pin)
        return tuple(pins.values())

    def _pin(self, spoken: str, one: Named) -> Pin | None:
        """None where nobody on this route could have made it: the translation then says what it cannot carry."""
        digest = self._book.digest(one.kind, one.value)
        maker = self._book.maker(digest)
        shown = digest.hex()[:_SHOWN_CHARS]
        if maker is not None and one.kind == SEAL:  # of any dialect: it may have come through a translation
            return Pin(one.what, shown, maker.target, at=self._at(target=maker.target))
        can = self._can(spoken, one.kind)
        if maker is not None:
            return Pin(one.what, shown, maker.target, True, self._at(provider=maker.provider), can)
        if one.kind == SEAL and spoken == "openai":
            return None
        if not can and one.kind not in _CONVERSATIONS:  # these are the conversation itself: rather refuse
            return None
        return Pin(one.what, shown, account=one.kind != SEAL, can=can)

    def _at(self, *, target: str = "", provider: str = "") -> int:
        bits = 0
        for i, lane in enumerate(self._lanes):
            if lane.target.id == target or lane.target.provider == provider:
                bits |= 1 << i
        return bits

    def _can(self, spoken: str, kind: str) -> int:
        """The candidates that speak a dialect themselves; files go between the two that OpenAI has."""
        dialects = _SIBLINGS if kind == FILE and spoken in _SIBLINGS else (spoken,)
        bits = 0
        for i, lane in enumerate(self._lanes):
            tongues = [lane.tongues.get(name) for name in dialects]
            if any(tongue is not None and not tongue.whole_kind for tongue in tongues):
                bits |= 1 << i
        return bits


def _continue_all(lanes: tuple[Lane, ...]) -> bool:
    """Whether each candidate itself speaks the dialect in which a conversation is gone on with by its id."""
    return all((tongue := lane.tongues.get("responses")) is not None and not tongue.whole_kind for lane in lanes)
