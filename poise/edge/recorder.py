"""Where a worker's decisions go: its journal, or - where the disk refuses even that - a counter that says so loudly."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from poise.errors import Error
from poise.path.service import Recorder
from poise.store.journal import Writer

log = logging.getLogger("poise.recorder")


class ClosingRecorder(Recorder, Protocol):
    """A recorder that owns a file."""

    def close(self) -> None:
        """Let go of the file."""


class NoRecord:
    """Keeps nothing and serves all the same, except where a policy requires the record. ``lost`` counts."""

    def __init__(self) -> None:
        self.lost = 0

    def opened(
        self,
        id: int,
        policy: bytes,
        workflow: str,
        conversation: str,
        key: str,
        blob: bytes,
        required: bool,
        kind: int = 1,
    ) -> bool:
        """Refuses only what requires a record."""
        self.lost += 1
        return not required

    def finished(  # noqa: PLR0913 - the protocol's
        self,
        id: int,
        kind_code: int,
        status: int,
        target: str,
        took_us: int,
        cost_usd_e6: int,
        input_tokens: int,
        output_tokens: int,
        blob: bytes,
        first_byte_us: int = -1,
        attempts: int = 1,
    ) -> None:
        """Nothing to finish."""

    def refused(self, id: int, code: str, workflow: str, key: str, status: int, blob: bytes = b"") -> None:
        """Counted."""
        self.lost += 1

    def close(self) -> None:
        """Nothing to close."""


def make_recorder(data: Path, worker: int, started_us: int) -> ClosingRecorder:
    """The journal of this worker in ``data/journal``; NoRecord, with an error in the log, where it cannot be made."""
    try:
        return Writer.create(data / "journal", worker=worker, started_us=started_us)
    except Error as problem:
        log.exception("decisions are NOT recorded: %s", problem.text)
        return NoRecord()
