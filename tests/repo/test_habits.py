"""Each habit's check fails on a breach of it and passes what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import habits
from tests.repo.conftest import Write

# What is forbidden in any text is put together here, so that this file may be checked as well.
FOLDER = "/wo" + "rk/main"
REGISTRY = "https://py" + "pi.org/simple"
UNFINISHED = "TO" + "DO"

BREACHES = {
    "bare except": ("poise/path/a.py", "try:\n    f()\nexcept:\n    pass\n", "catches everything"),
    "except Exception": ("poise/path/a.py", "try:\n    f()\nexcept Exception:\n    pass\n", "catches everything"),
    "in a tuple": ("tests/a.py", "try:\n    f()\nexcept (OSError, Exception):\n    pass\n", "catches everything"),
    "suppress": ("poise/path/a.py", "with contextlib.suppress(Exception):\n    f()\n", "suppresses everything"),
    "raises another": (
        "poise/path/a.py",
        "try:\n    f()\nexcept Exception as e:\n    raise ValueError from e\n",
        "catches everything",
    ),
    "pickle": ("poise/store/a.py", "import pickle\n", "imports pickle"),
    "from marshal": ("poise/store/a.py", "from marshal import loads\n", "imports marshal"),
    "yaml.load": ("poise/edge/a.py", "yaml.load(text)\n", "calls yaml.load"),
    "eval": ("poise/rules/a.py", "eval(text)\n", "calls eval"),
    "exec": ("poise/rules/a.py", "exec(text)\n", "calls exec"),
    "f-string SQL": ("poise/store/a.py", 'c.execute(f"SELECT {x}")\n', "SQL put together"),
    "percent SQL": ("poise/store/a.py", 'c.execute("SELECT %s" % x)\n', "SQL put together"),
    "plus SQL": ("poise/store/a.py", 'c.executemany("SELECT " + x + " FROM t", rows)\n', "SQL put together"),
    "format SQL": ("poise/store/a.py", 'c.execute(text("SELECT {}".format(x)))\n', "SQL put together"),
    "SQL in a variable": (
        "poise/store/a.py",
        'def f():\n    q = f"SELECT {x}"\n    c.execute(q)\n',
        "SQL put together",
    ),
    "a loop over values": (
        "poise/store/a.py",
        'for name in ("a = 1", value):\n    c.execute(f"PRAGMA {name}")\n',
        "SQL put",
    ),
    "a test that sleeps on and on": ("tests/a.py", "while True:\n    time.sleep(1)\n", "a test that sleeps"),
    "a test that sleeps": ("tests/a.py", "time.sleep(0.1)\n", "a test that sleeps"),
    "a test that awaits sleep": (
        "tests/a.py",
        "async def f():\n    await asyncio.sleep(wait_s)\n",
        "a test that sleeps",
    ),
    "a helpers file": ("poise/path/helpers.py", "", "says nothing"),
    "a word of a name": ("poise/path/request_handler.py", "", "says nothing"),
    "a folder": ("poise/common/a.py", "", "says nothing"),
    "unfinished in a comment": ("poise/a.py", f"x = 1  # {UNFINISHED} later\n", "unfinished"),
    "unfinished in a document": ("docs/a.md", f"{UNFINISHED}: write this\n", "unfinished"),
    "a machine's folder": ("docs/a.md", f"see {FOLDER}\n", "names a folder of one machine"),
    "a registry": ("requirements/a.txt", f"--find {REGISTRY}\n", "names a package registry"),
    "an index option": ("Makefile", "pip install --index" + "-url x\n", "names a package registry"),
    "a private key": ("tests/a.pem", "-----BEGIN RSA PRIVATE" + " KEY-----\n", "holds a private key"),
    "noqa without reason": ("poise/a.py", "f()  # noqa: " + "S101\n", "an ignore without its reason"),
    "two ignored without reason": ("poise/a.py", "f()  # noqa: " + "S101, S102\n", "an ignore without its reason"),
    "type ignore without reason": ("poise/a.py", "f()  # type: " + "ignore[misc]\n", "an ignore without its reason"),
}

HARMLESS = {
    "a loop outlives a bad tick": ("poise/control/loop.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
    "a server outlives a connection": ("poise/edge/http/server.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
    "settled and raised on": ("poise/path/a.py", "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"),
    "a named error": ("poise/path/a.py", "try:\n    f()\nexcept OSError:\n    pass\n"),
    "a method called eval": ("poise/rules/a.py", "program.eval(facts)\n"),
    "safe YAML": ("poise/edge/a.py", "yaml.compose(text)\n"),
    "bound SQL": ("poise/store/a.py", 'c.execute("SELECT a FROM t WHERE b = ?", (x,))\n'),
    "literals side by side": ("poise/store/a.py", 'c.execute("SELECT a " "FROM t")\n'),
    "a loop over literals": (
        "poise/store/a.py",
        'for name in ("a = 1", "b = 2"):\n    c.execute(f"PRAGMA {name}")\n',
    ),
    "virtual time": ("tests/a.py", "async def f():\n    await world.clock.sleep(3)\n"),
    "looking again": ("tests/a.py", "while not found() and now() < end_s:\n    time.sleep(0.01)\n"),
    "yielding once": ("tests/a.py", "async def f():\n    await asyncio.sleep(0)\n"),
    "a word within a word": ("poise/database.py", ""),
    "a lock called base": ("requirements/base.txt", ""),
    "unfinished in a string": ("poise/a.py", f'x = "{UNFINISHED}"\n'),
    "a folder of ours": ("docs/a.md", "docs/wo" + "rk/x\n"),
    "an ignore with its reason after a dash": ("poise/a.py", "f()  # noqa: " + "S101, S102 - our own mistake\n"),
    "an ignore with its reason": ("poise/a.py", "f()  # noqa: " + "S101  # our own mistake\n"),
}


@pytest.mark.parametrize("case", BREACHES)
def test_breach_is_found_with_its_place_and_a_hint(tmp_path: Path, write: Write, case: str) -> None:
    """Every breach names the file, and what to do instead."""
    name, text, said = BREACHES[case]
    write(name, text)

    found = habits.faults(tmp_path)

    assert 1 == len([fault for fault in found if said in fault]), found
    assert all(fault.startswith(name.rsplit("/", 1)[0]) and "hint: " in fault for fault in found)


@pytest.mark.parametrize("case", HARMLESS)
def test_what_only_looks_like_a_breach_passes(tmp_path: Path, write: Write, case: str) -> None:
    """A check that cries wolf is switched off."""
    write(*HARMLESS[case])

    assert [] == habits.faults(tmp_path)
