"""How an attempt mended an answer is told with it."""

from __future__ import annotations

import msgspec

from poise.decision import AttemptRecord
from poise.edge.admin.text import attempt_line


def test_the_seam_is_told() -> None:
    """Which way, and where; nothing of it for an attempt that mended nothing."""
    plain = AttemptRecord("m@b", 0, 5, 9, 200)
    mending = AttemptRecord("m@b", 0, 5, 9, 200, repair="restart after 14 characters")

    assert "to mend the answer: restart after 14 characters" in attempt_line(msgspec.to_builtins(_fields(mending)))
    assert "mend" not in attempt_line(msgspec.to_builtins(_fields(plain)))


def _fields(record: AttemptRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}
