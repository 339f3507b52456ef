"""X10-X12: bytes that two readers might read in two ways.

A canary follows each vector on the same connection; it never gets another's answer, and the upstream sees nothing or
whole requests only.
"""

from __future__ import annotations

import pytest

from tests.attack.rig import Rig, on_loop, rig
from tests.attack.vectors import FRAMING, LINES, Vector
from tests.attack.wire import KEY, PROMPT, Answer, chat, post

CANARY = post(chat("canary"), b"connection: close\r\n")


@pytest.mark.parametrize("vector", FRAMING + LINES, ids=lambda vector: vector.name)
@on_loop
async def test_vector_never_gets_the_canary_another_answer(vector: Vector) -> None:
    """Refused and closed, answered and kept, or served: the same verdict for the vector in one piece and in bytes."""
    async with rig() as it:
        answers = await it.exchange(vector.data + CANARY)
        check(it, vector, answers)

    async with rig() as it:
        wire = await it.connect()
        await wire.trickle(vector.data)
        await wire.send(CANARY)
        answers = await wire.rest()
        wire.close()
        check(it, vector, answers)


def check(it: Rig, vector: Vector, answers: list[Answer]) -> None:
    """What came back fits the vector's fate."""
    prompts = [seen.prompt for seen in it.upstream.seen]
    assert all(answer.complete for answer in answers), answers
    if vector.fate == "served":
        assert ["vector", "canary"] == prompts
        assert ["echo vector", "echo canary"] == [answer.text for answer in answers]
        return
    refusal = answers[0]
    assert refusal.code in vector.codes, refusal
    assert 400 <= refusal.status <= 501
    assert refusal.error["decision"] == refusal.headers[b"x-poise-decision"].decode()
    assert refusal.code in it.records.codes
    assert not any(leak in refusal.body for leak in (KEY.encode(), PROMPT.encode(), b"Traceback", b'.py"'))
    if vector.fate == "answered":
        assert ["canary"] == prompts
        assert ["echo canary"] == [answer.text for answer in answers[1:]]
    else:
        assert [] == prompts
        assert [refusal] == answers
        assert b"close" == refusal.headers[b"connection"]


def test_corpus_is_large_enough() -> None:
    """Rows, not repetitions: every name and every vector stands once."""
    rows = FRAMING + LINES

    assert 60 <= len(FRAMING)
    assert len(rows) == len({row.name for row in rows}) == len({row.data for row in rows})
