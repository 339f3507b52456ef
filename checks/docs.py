"""Documents against code: what exists is documented, what is documented exists, what is generated is current.

``python -m checks.docs --write`` writes the generated parts anew before it checks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from checks import (
    docs_constants,
    docs_generated,
    docs_help,
    docs_mentions,
    docs_models,
    docs_named,
    docs_settings,
    docs_tables,
)
from checks.tree import ROOT, report

LIFE = Path("docs/life-of-a-request.md")
_STEP = re.compile(r"^\d+\. ")
_TO_CODE = re.compile(r"\]\(\.\./(poise/[\w/]+\.py)")


def faults(root: Path, sources: Mapping[str, docs_named.Source] = docs_named.SOURCES) -> list[str]:
    """What is wrong with the documents below root. sources: what the code knows, by kind; tests hand in their own."""
    found = docs_mentions.faults(root)
    for kind, source in sources.items():
        try:
            known = source()
        except ImportError as missing:
            found.append(f"{kind}: the code to compare with is missing: {missing}")
            continue
        found += docs_tables.compare(root, kind, known)
    found += [
        f"{path}: documents {kind!r}, of which the code knows nothing"
        for path, kind in docs_tables.kinds(root)
        if kind not in sources
    ]
    return found + life(root)


def life(root: Path) -> list[str]:
    """Each numbered step of a request's life links a file, and every stage of the path is among them."""
    if not (root / LIFE).exists():
        return [f"{LIFE}: missing"]
    steps = _steps((root / LIFE).read_text(encoding="utf-8"))
    found = [f"{LIFE}: no numbered steps"] if not steps else []
    found += [f"{LIFE}: step {step[:60]!r} links no file of poise" for step in steps if not _TO_CODE.search(step)]
    linked = {path for step in steps for path in _TO_CODE.findall(step)}
    return found + [f"{LIFE}: links no {stage}, a stage of the path" for stage in stages(root) if stage not in linked]


def stages(root: Path) -> list[str]:
    """The files whose classes poise/edge/wiring.py builds the request path from."""
    wiring = root / "poise/edge/wiring.py"
    text = wiring.read_text(encoding="utf-8") if wiring.exists() else ""
    imports = re.findall(r"^from poise\.path\.(\w+) import (\w+)$", text, re.MULTILINE)
    return [f"poise/path/{module}.py" for module, name in imports if re.search(rf"= {name}\(", text)]


def _steps(text: str) -> list[str]:
    """Items of numbered lists, with the lines that belong to them, on one line each."""
    steps: list[str] = []
    inside = False
    for line in text.splitlines():
        if _STEP.match(line):
            steps.append(line)
            inside = True
        elif inside and line.startswith(" "):
            steps[-1] += " " + line.strip()
        elif line.strip():
            inside = False
    return steps


def generated(root: Path, *, write: bool = False) -> list[str]:
    """Whether the parts of documents that code writes are what it would write now."""
    parts: tuple[tuple[str, str, Callable[[], str]], ...] = (
        ("docs/limits.md", "constants", lambda: docs_constants.render(root)),
        ("docs/config.md", "settings", docs_settings.render),
        ("docs/config.md", "not-yet", docs_settings.render_not_yet),
        ("docs/cli.md", "help", docs_help.render),
        ("docs/models.md", "models", docs_models.render),
        ("docs/models.md", "vendors", docs_models.render_vendors),
    )
    found = []
    for document, part, render in parts:
        try:
            found += docs_generated.refresh(root / document, part, render(), write=write)
        except ImportError as missing:
            found.append(f"{document}: the code that its part {part!r} is made from is missing: {missing}")
    return found + measured(root, write=write)


def measured(root: Path, *, write: bool = False) -> list[str]:
    """Whether README.md shows the figures of the recorded results, and no others."""
    readme, results = root / "README.md", root / "bench/results.json"
    try:
        from poise.sim.bench import main, table_is_current
    except ImportError as missing:
        return [f"README.md: the benchmark that makes its table is missing: {missing}"]
    if not results.exists():
        return ["README.md: there are no bench/results.json to make its table from\n  hint: make bench"]
    if write and main(["--out", str(results), "--readme", str(readme)]) != 0:
        return ["README.md: its table of measured figures could not be written"]
    if not table_is_current(readme, results):
        return ["README.md: its table is not what bench/results.json gives\n  hint: make docs"]
    return []


def _check(root: Path) -> list[str]:
    return generated(root, write="--write" in sys.argv) + faults(root)


if __name__ == "__main__":
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    report(_check)
