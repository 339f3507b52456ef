"""Visitors of a gateway: a few conversations at once through the official ``openai`` SDK, each call written down."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from poise.clock import Clock

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class Visit(msgspec.Struct, frozen=True):
    """One call as its client saw it; error is '' for a complete answer."""

    phase: str
    at_us: int
    decision: str
    target: str
    attempts: int
    streamed: bool
    words: int
    error: str = ""


class Visitors:
    """``count`` conversations; each asks, waits for its whole answer - streamed every other time - and asks again."""

    def __init__(self, client: AsyncOpenAI, clock: Clock, *, model: str, count: int = 4) -> None:
        self._client = client
        self._clock = clock
        self._model = model
        self._count = count
        self._seen: asyncio.Event | None = None
        self.phase = ""
        self.visits: list[Visit] = []
        self.leaving = False

    def seen(self, phase: str) -> list[Visit]:
        """The calls that began in this phase."""
        return [visit for visit in self.visits if visit.phase == phase]

    def count(self, phase: str) -> Counter[str]:
        """requests, errors, failed_over, streamed, and ``at REGION`` for each region that answered in this phase."""
        counts: Counter[str] = Counter()
        for visit in self.seen(phase):
            counts["requests"] += 1
            counts["errors"] += bool(visit.error)
            counts["failed_over"] += visit.attempts > 1
            counts["streamed"] += visit.streamed
            counts[f"at {visit.target.rpartition('@')[2]}"] += 1
        return counts

    async def until(self, enough: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until ``enough()``, looked at after every call. False where it took longer than timeout_s."""
        self._seen = asyncio.Event()
        try:
            async with asyncio.timeout(timeout_s):
                while not enough():
                    self._seen.clear()
                    await self._seen.wait()
        except TimeoutError:
            return enough()
        return True

    async def stay(self) -> None:
        """Converse until ``leaving`` is set; calls under way are finished."""
        await asyncio.gather(*[self._converse(number) for number in range(1, self._count + 1)])

    async def _converse(self, number: int) -> None:
        turn = 0
        while not self.leaving:
            turn += 1
            self.visits.append(await self._call(number, turn, streamed=turn % 2 == 0))
            if self._seen is not None:
                self._seen.set()

    async def _call(self, number: int, turn: int, *, streamed: bool) -> Visit:
        from openai import APIError  # noqa: PLC0415 - an extra, not in the base install

        phase, at_us = self.phase, self._clock.now_us()
        ask = self._client.chat.completions.with_streaming_response.create
        headers = {"x-poise-conversation": f"visitor-{number}"}
        words, error, target, attempts, decision = 0, "", "", 0, ""
        try:
            async with ask(
                model=self._model,
                messages=[{"role": "user", "content": f"visitor {number}, question {turn}"}],
                stream=streamed,
                extra_headers=headers,
            ) as answer:
                decision, target = answer.headers["x-poise-decision"], answer.headers.get("x-poise-target", "")
                attempts = int(answer.headers.get("x-poise-attempts", "0"))
                parsed = await answer.parse()
                if hasattr(parsed, "choices"):
                    words = len((parsed.choices[0].message.content or "").split())
                else:
                    words = len("".join([chunk.choices[0].delta.content or "" async for chunk in parsed]).split())
        except APIError as failed:
            error = str(failed) or type(failed).__name__
        if not words and not error:
            error = "an empty answer"
        return Visit(phase, at_us, decision, target, attempts, streamed, words, error)
