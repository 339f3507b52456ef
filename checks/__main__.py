"""``make check``: every step is run and named, and one that fails fails the whole."""

from __future__ import annotations

import subprocess
import sys
import time

from checks.tree import ROOT

STEPS: dict[str, list[str]] = {
    "lint (ruff)": ["ruff", "check", "--quiet"],
    "layout (ruff format)": ["ruff", "format", "--check", "--quiet"],
    "types (mypy --strict)": ["mypy", "--no-error-summary"],
    "floors (import-linter)": ["checks.floors"],
    "sizes": ["checks.sizes"],
    "habits": ["checks.habits"],
    "lock": ["checks.lock"],
    "documents": ["checks.docs"],
}


def main(steps: dict[str, list[str]] = STEPS) -> int:
    """Run the steps, each a module with its arguments; print one line each. Returns the number that failed."""
    failed = []
    for name, arguments in steps.items():
        began_s = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        took_s = time.monotonic() - began_s
        print(f"{'ok' if done.returncode == 0 else 'FAIL':<5}{name}  {took_s:.1f} s", flush=True)
        if done.stdout.strip():
            print("     " + done.stdout.rstrip().replace("\n", "\n     "), flush=True)
        if done.returncode != 0:
            failed.append(name)
    print(f"{len(failed)} of {len(steps)} failed: {', '.join(failed)}" if failed else f"all {len(steps)} passed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(bool(main()))
