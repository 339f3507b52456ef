"""Which fault a request meets: windows before the queue, the queue before models, models before what stands."""

from __future__ import annotations

import msgspec
import pytest

from poise.sim.wall.amounts import BadPlan
from poise.sim.wall.fault import Fault
from poise.sim.wall.script import Script, ScriptFile


def met(script: Script, model: str = "m", count: int = 1, now_s: float = 0.0, prompt: str = "") -> list[str]:
    """The statuses of the next requests; 200 is a good answer."""
    faults = [script.fault_for(model, [prompt], now_s) for _ in range(count)]
    return [str(one.status) if one.do == "status" else one.do for one in faults]


def test_plan_in_a_name_goes_step_by_step() -> None:
    """Each name keeps its own place; the last step stays."""
    script = Script()

    assert ["503", "503", "ok", "ok"] == met(script, "503x2,ok", 4)
    assert ["503", "503", "ok"] == met(script, "503x2,ok,tokens=9", 3)
    assert ["500", "ok", "ok"] == met(script, "500x1", 3)
    assert ["500", "502", "502"] == met(script, "500,502", 3)


def test_window_in_a_name_opens_and_closes() -> None:
    """Before and after it the other steps hold, or all is well."""
    script = Script()
    name = "outage:10s-70s"

    assert ["ok", "503", "503", "ok"] == [met(script, name, now_s=at)[0] for at in (9.9, 10, 69.9, 70)]
    assert ["503", "ok", "503", "ok"] == [met(script, "flap:5s/5s", now_s=at)[0] for at in (0, 5, 10, 15)]


def test_script_of_a_file_goes_before_names() -> None:
    """A window, then the queue, then a model's own plan, then its name, then what stands."""
    raw = b"""{"standing": "502", "requests": ["500x2", {"do": "status", "status": 501}], "models": {"m": "504"},
               "windows": [{"from_s": 10, "to_s": 20, "plan": "503"}]}"""
    script = Script()
    script.load(msgspec.json.decode(raw, type=ScriptFile))

    assert ["503"] == met(script, now_s=10)
    assert ["500", "500", "501", "504", "504"] == met(script, count=5)
    assert ["504"] == met(script, now_s=20)
    assert ["529"] == met(script, "529")
    assert ["502"] == met(script, "another")


def test_bad_script_leaves_the_old_one() -> None:
    script = Script("503")
    with pytest.raises(BadPlan):
        script.load(ScriptFile(models={"m": "nonsense"}))
    with pytest.raises(BadPlan, match="refuse, reset or deaf"):
        script.load(msgspec.json.decode(b'{"doors":[{"from_s":0,"to_s":1,"do":"shut"}]}', type=ScriptFile))

    assert ["503"] == met(script)


def test_marker_and_share_narrow_a_fault() -> None:
    """The query of death is met by its words; a share by seeded dice, the same on every run."""
    name = "500,if=poison"

    assert ["ok", "500"] == [met(Script(), name, prompt=one)[0] for one in ("water", "rat poison")]
    first, again = (met(Script(seed=7), "500,share=0.2", 1000) for _ in range(2))
    assert first == again
    assert 170 < first.count("500") < 230


def test_a_value_serves_as_a_plan() -> None:
    script = Script()
    script.then(Fault("silent"), "503x2")
    script.stand("429")

    assert ["silent", "503", "503", "429"] == met(script, count=4)
