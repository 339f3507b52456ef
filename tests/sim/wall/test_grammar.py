"""Plans are read as documented, and what is no plan is refused with the word that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.sim.wall.amounts import BadPlan, seconds, size_bytes
from poise.sim.wall.fault import Fault
from poise.sim.wall.grammar import is_plan, parse

PLANS = {
    "ok": (Fault(),),
    "fault:429-retry-after=2": (Fault("status", 429, retry_after="2"),),
    "429-quota": (Fault("status", 429, "quota"),),
    "503x2,ok": (Fault("status", 503, times=2), Fault()),
    "503,x2,ok": (Fault("status", 503, times=2), Fault()),
    "cut:40/60,rst": (Fault("cut", at=40, tokens=60, end="rst"),),
    "cut:40": (Fault("cut", at=40, end="fin"),),
    "cut:b123,rst,cut:h20": (Fault("cut", at_byte=123, end="rst"), Fault("cut", at_byte=20, head=True, end="fin")),
    "cut:end": (Fault("cut", style="end", end="fin"),),
    "outage:10s-70s": (Fault("status", 503, from_s=10, to_s=70),),
    "outage:10s-70s,rst": (Fault("status", 503, from_s=10, to_s=70, end="rst"),),
    "silent,10s-70s": (Fault("silent", from_s=10, to_s=70),),
    "flap:5s/2s": (Fault("status", 503, to_s=5, period_s=7),),
    "error:3-rate": (Fault("error", reason="rate", at=3),),
    "stall:5/35s,tokens=9": (Fault("stall", at=5, stall_s=35, tokens=9),),
    "slow:20s": (Fault(first_s=20),),
    "giant:1GB": (Fault("giant", size=1_000_000_000),),
    "gzip:nested:64KiB": (Fault("gzip", style="nested", size=65_536),),
    "length:-10": (Fault("length", size=-10),),
    "ok,usage=zero,charge=2.5,bill=whole": (Fault(usage="zero", factor_e6=2_500_000, bill="whole"),),
    "500,share=0.2,if=poison%2C%20please": (Fault("status", 500, share_e6=200_000, marker="poison, please"),),
    "429,retry-after=Wed%2C%2021%20Oct%202015": (Fault("status", 429, retry_after="Wed, 21 Oct 2015"),),
    "ok,rate=50,first=200ms,vary,no-done": (Fault(rate=50, first_s=0.2, vary=True, done=False),),
}


@pytest.mark.parametrize("text", PLANS)
def test_plan_is_read_into_its_steps(text: str) -> None:
    assert PLANS[text] == parse(text)
    assert is_plan(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("fault:nothing", "nothing"),
        ("ok,what", "what"),
        ("ok,usage=lies", "lies"),
        ("sse:odd", "odd"),
        ("outage:70s-10s", "before it begins"),
        ("outage:ever", "ever"),
        ("stall:x", "'x'"),
        ("slow:20parsecs", "20parsecs"),
        ("giant:big", "big"),
        ("share=2", "share=2"),
        ("ok,share=2", "share=2"),
        ("length:10", "10"),
        ("silent:7", "7"),
        ("chunk", "chunk:"),
        ("ok," * 300 + "ok", "steps"),
        ("x" * 3000, "3000"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_word_and_a_hint(text: str, word: str) -> None:
    with pytest.raises(BadPlan) as refused:
        parse(text)

    assert word in str(refused.value)
    assert "hint:" in str(refused.value)


@pytest.mark.parametrize("name", ["gpt-5.2", "m-1", "sim-chat", "oks", "meta/llama-4", ""])
def test_name_of_an_ordinary_model_is_no_plan(name: str) -> None:
    assert not is_plan(name)


@given(st.text(max_size=60))
def test_any_text_is_a_plan_or_refused(text: str) -> None:
    """Nothing else is raised, whatever a caller names as its model."""
    said = [_refusal(one) for one in (text, f"fault:{text}", f"cut:{text}", f"ok,{text}", f"503-{text}")]

    assert all("hint:" in one for one in said if one)


def _refusal(text: str) -> str:
    try:
        parse(text)
    except BadPlan as refused:
        return str(refused)
    return ""


def test_amounts_have_units() -> None:
    assert (0.8, 2.0, 300.0, 3600.0) == (seconds("800ms"), seconds("2"), seconds("5m"), seconds("1h"))
    assert (10, 65_536, 1_000_000_000) == (size_bytes("10"), size_bytes("64KiB"), size_bytes("1GB"))
