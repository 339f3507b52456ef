"""The log has every attempt once, and the bill is what really was made, whatever the caller was told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.sim.clock import VirtualClock
from poise.sim.dice import Dice
from poise.sim.wall.bill import Bill, Economics, bill
from poise.sim.wall.wall import Wall
from tests.sim.wall.talking import ask, connect, heard, virtual


def billed(plan: str, economics: Economics, *, leaves_s: float = 0.0, stream: bool = True) -> Bill:
    """The bill for one request of three words, whose caller goes after leaves_s (0: stays)."""

    async def scene(clock: VirtualClock) -> Bill:
        wall = Wall("wall", clock, economics=economics)
        ear = connect(wall, clock)
        ear.send(ask(plan, "three small words", stream=stream))
        if leaves_s:
            await clock.sleep(leaves_s)
            ear.leave()
        await clock.sleep(1000)
        return wall.bill

    return virtual(scene)


@pytest.mark.parametrize(("hangup", "tokens"), [("stops", (3, 11)), ("whole", (3, 60)), ("free", (0, 0))])
@pytest.mark.parametrize("stream", [True, False])
def test_hanging_up_costs_what_the_vendor_says(hangup: str, tokens: tuple[int, int], stream: bool) -> None:
    """Ten tokens a second; the caller leaves after 1.05 s. A whole answer has made as many, unseen."""
    economics = Economics(hangup)  # type: ignore[arg-type]  # one of its three words, from the table above
    made = billed("ok,tokens=60,rate=10", economics, leaves_s=1.05, stream=stream)
    expected = tokens if stream or hangup != "stops" else (3, 10)

    assert "hung up" == made.lines[0].why
    assert expected == (made.input_tokens, made.output_tokens)
    assert expected[0] * 1 + expected[1] * 2 == made.usd_e6


def test_plan_may_set_its_own_economics() -> None:
    """``bill=whole`` for one model, ``charge=2`` for a vendor that charges twice what it made."""
    assert 60 == billed("ok,tokens=60,rate=10,bill=whole", Economics("free"), leaves_s=1).output_tokens
    made = billed("ok,tokens=4,charge=2", Economics())

    assert (6, 8, 1) == (made.input_tokens, made.output_tokens, made.wrong)


@pytest.mark.parametrize(("failed", "tokens"), [("made", (3, 40)), ("input", (3, 0)), ("free", (0, 0))])
def test_breaking_off_costs_what_the_vendor_says(failed: str, tokens: tuple[int, int]) -> None:
    economics = Economics(failed=failed)  # type: ignore[arg-type]  # one of its three words, from the table above
    for plan in ("cut:40/60,rst", "error:40,tokens=60", "cut:40/60,bill=whole"):
        made = billed(plan, economics)

        assert ("broke off", tokens) == (made.lines[0].why, (made.input_tokens, made.output_tokens))


def test_refusals_cost_nothing_or_the_input() -> None:
    for plan in ("429", "503", "400-context", "error-body", "redirect:http"):
        assert (0, 0) == (billed(plan, Economics()).input_tokens, billed(plan, Economics()).output_tokens)
        assert 3 == billed(plan, Economics(refused="input")).input_tokens


@pytest.mark.parametrize("how", ["zero", "negative", "contradict"])
def test_wrong_counts_are_told_and_not_charged(how: str) -> None:
    """The bill names the lie beside the charge."""
    made = billed(f"ok,tokens=20,usage={how}", Economics())

    assert (3, 20, 1) == (made.input_tokens, made.output_tokens, made.wrong)
    assert made.lines[0].told != (3, 20)


@pytest.mark.parametrize("how", ["", "repeat", "after-done", "inline"])
def test_right_counts_are_not_called_wrong(how: str) -> None:
    made = billed(f"ok,tokens=20,usage={how}", Economics())

    assert ((3, 20), False) == (made.lines[0].told, made.lines[0].wrong)


def test_silent_vendor_that_goes_on_bills_the_answer_nobody_got() -> None:
    """Hanging up on silence is not free everywhere."""
    assert 9 == billed("silent,tokens=9", Economics("whole"), leaves_s=5).output_tokens
    assert 0 == billed("silent,tokens=9", Economics("stops"), leaves_s=5).output_tokens


PLANS = ("ok", "429", "503x2,ok", "cut:3/9,rst", "stall:2,tokens=9", "silent", "error:2", "half-json", "reset", "hang-up",
         "linger", "ok,usage=none", "chunk:bad", "length:+5", "crash:1s", "fault:nonsense", "ok,rate=20,tokens=60")  # fmt: skip


def storm(seed: int, path: Path | None = None) -> tuple[list[str], Wall]:
    """A hundred requests, some of them two on one connection, callers that leave; the ids that were sent."""
    dice = Dice(seed)

    async def scene(clock: VirtualClock) -> tuple[list[str], Wall]:
        wall = Wall("wall", clock)
        if path is not None:
            wall.log.open(path)
        sent: list[str] = []
        ears = []
        for number in range(100):
            ear = connect(wall, clock)
            ears.append(ear)
            for part in range(1 + dice.below(2)):
                sent.append(f"a-{number}.{part}")
                ear.send(ask(dice.one_of(PLANS), id=sent[-1], stream=dice.below(2) > 0))
            await clock.sleep(dice.between(0.0, 0.5))
            if dice.below(4) == 0:
                dice.one_of(ears).leave()
        await clock.sleep(1)
        await wall.close()
        await clock.sleep(1)
        return sent, wall

    return virtual(scene)


@pytest.mark.parametrize("seed", range(5))
def test_every_attempt_stands_in_the_log_exactly_once(seed: int, tmp_path: Path) -> None:
    """Also those that were cut, crashed, left, or still under way at the end; in memory and in the file."""
    path = tmp_path / "wall.jsonl"
    sent, wall = storm(seed, path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    ids = [row["id"] for row in rows]

    assert len(ids) == len(set(ids))
    assert set(ids) <= set(sent)
    assert sorted(ids) == sorted(row.id for row in wall.log.all)
    assert [] == wall.log.live
    assert wall.log.counts["arrived"] == len(rows)
    assert all(row["ended"] for row in rows)


def test_lines_of_a_bill_add_up() -> None:
    _, wall = storm(7)
    made = bill(wall.log.all, Economics("whole", "made", "input"))

    assert made.usd_e6 == sum(line.usd_e6 for line in made.lines)
    assert made.usd_e6 == made.input_tokens + 2 * made.output_tokens
    assert made.output_tokens == sum(line.output_tokens for line in made.lines)
    assert {"answered", "refused", "broke off", "hung up"} <= {line.why for line in made.lines}


def test_log_holds_no_secret_and_tells_keys_apart() -> None:
    """The key stands as a digest; the prompt too."""
    _, wall = heard(ask("ok", "my own secret words"))
    row = wall.log.all[0]
    raw = repr(row)

    assert "sk-secret" not in raw
    assert "own secret" not in raw
    assert "[hidden]" == row.headers["authorization"]
    assert (16, 16, 4) == (len(row.key), len(row.prompt), row.prompt_tokens)


def test_hang_up_has_its_moment_and_what_was_made_until_then() -> None:
    """Five tokens a second for 1.1 s."""

    async def scene(clock: VirtualClock) -> Wall:
        wall = Wall("wall", clock)
        ear = connect(wall, clock)
        ear.send(ask("ok,rate=5,tokens=30", id="mine"))
        await clock.sleep(1.1)
        ear.leave()
        await clock.sleep(5)
        return wall

    row = virtual(scene).log.all[0]

    assert ("mine", "client_gone", 6, 6, 30) == (
        row.id, row.ended, row.made_tokens, row.sent_tokens, row.total_tokens
    )  # fmt: skip
    assert 1_100_000 == row.hung_up_us - row.at_us


def test_model_goes_on_making_while_nobody_reads() -> None:
    """A caller that does not read pauses the writing; what is made is made."""

    async def scene(clock: VirtualClock) -> Wall:
        wall = Wall("wall", clock)
        ear = connect(wall, clock)
        assert ear.transport is not None
        ear.transport.pause_reading()
        ear.send(ask("ok,rate=1000,tokens=3000"))
        await clock.sleep(10)
        return wall

    row = virtual(scene).log.all[0]

    assert row.sent_bytes < 200_000
    assert row.made_tokens == row.sent_tokens + 1


def test_what_is_no_request_is_refused_and_logged() -> None:
    """Two lengths, chunked, no JSON, a path where nothing is."""
    good = ask("ok")
    for bad in (
        good.replace(b"content-length", b"content-length: 1\r\ncontent-length", 1),
        good.replace(b"content-length:", b"transfer-encoding: chunked\r\nx:"),
        good.replace(b'{"model"', b'["model"'),
        good.replace(b"/v1/chat/completions", b"/v1/nothing"),
        b"nonsense\r\n\r\n",
        ask("fault:nonsense"),
    ):
        ear, wall = heard(bad)

        assert ear.data.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
        assert 1 == len(wall.log.all)
