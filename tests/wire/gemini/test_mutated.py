"""Recorded traffic with a few things changed at random: what is accepted is said again in full."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from poise.errors import AttemptFailed, Error
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.gemini import Gemini
from tests.recordings import exchanges

CODEC = Gemini()
ODD: list[object] = [None, "", [], {}, 0, 1.5, True, False, "x", {"a": 1}, [1]]
ROUNDS = 600


def _nodes(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:  # noqa: ANN401 - it is any JSON
    for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        found.append((value, key))
        if isinstance(inner, dict | list):
            _nodes(inner, found)
    return found


def _changed(body: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Names spelled the other way, fields left out, values of another kind."""
    body = copy.deepcopy(body)
    for _ in range(dice.randint(1, 3)):
        nodes = _nodes(body, [])
        if not nodes:
            break
        owner, key = dice.choice(nodes)
        lot = dice.random()
        if lot < 0.3 and isinstance(key, str):
            owner["".join(f"_{c.lower()}" if c.isupper() else c for c in key)] = owner.pop(key)
        elif lot < 0.5 and isinstance(owner, dict):
            owner.pop(key)
        else:
            owner[key] = dice.choice(ODD)
    return body


def test_changed_requests_are_refused_or_written_as_they_were_read() -> None:
    """There is no third way."""
    dice = random.Random(7)
    bodies = [row["request"]["body"] for row in exchanges("gemini.generateContent") if row["request"]["body"]]
    accepted = 0
    for _ in range(ROUNDS):
        body = _changed(dice.choice(bodies), dice)
        try:
            ask = CODEC.read_ask(json.dumps(body).encode(), model="m")
        except Error:
            continue
        accepted += 1
        assert body == json.loads(CODEC.write_ask(ask, Lost(), Manner()))
    assert ROUNDS > accepted > ROUNDS // 3


def test_changed_answers_are_malformed_or_written_as_they_were_read() -> None:
    """Nor here; and as a stream they never raise."""
    dice = random.Random(8)
    rows = exchanges("gemini.generateContent")
    bodies = [row["response"]["body"] for row in rows if row["response"]["status"] == 200]
    accepted = 0
    for _ in range(ROUNDS):
        body = _changed(dice.choice(bodies), dice)
        raw = json.dumps(body).encode()
        reader = CODEC.event_reader()
        reader.feed(b"data: " + raw + b"\r\n\r\n")
        reader.close()
        try:
            answer = CODEC.read_answer(raw)
        except AttemptFailed:
            continue
        accepted += 1
        assert body == json.loads(CODEC.write_answer(answer, Lost()))
    assert ROUNDS > accepted > ROUNDS // 2
