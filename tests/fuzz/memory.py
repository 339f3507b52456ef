"""What the process holds, measured so that what only lies about is not counted."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Held(NamedTuple):
    """resident bytes (0 where the system does not tell), and the small blocks that Python's own allocator has given out."""

    resident: int
    blocks: int

    def since(self, before: Held) -> Held:
        """The difference."""
        return Held(self.resident - before.resident, self.blocks - before.blocks)


def held() -> Held:
    """As of now, after what is garbage is gone."""
    gc.collect()
    _trim()
    resident = int(_STATM.read_text().split()[1]) * _PAGE if _STATM.exists() else 0
    return Held(resident, sys.getallocatedblocks())


def _trim() -> None:
    """The C library keeps freed memory for itself: that is no growth of ours."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
