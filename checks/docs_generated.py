"""Parts of documents that are written by code, between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``."""

from __future__ import annotations

import re
from pathlib import Path

_PART = r"(<!-- generated: {name} -->\n).*?(<!-- /generated -->)"


def refresh(path: Path, name: str, content: str, *, write: bool) -> list[str]:
    """Compare one part of a document with what it should be; where write is true, make it so.

    A document without that part is a fault: taking the markers away must not switch the check off.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    part = re.compile(_PART.format(name=re.escape(name)), re.DOTALL)
    if not part.search(text):
        return [f"docs/{path.name}: has no part marked <!-- generated: {name} -->"]
    current = part.sub(lambda found: f"{found[1]}\n{content.strip()}\n\n{found[2]}", text)
    if write:
        path.write_text(current, encoding="utf-8")
    elif current != text:
        return [f"docs/{path.name}: its part {name!r} is not what the code gives now\n  hint: make docs"]
    return []
