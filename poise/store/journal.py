"""A worker's journal: a bounded, preallocated, memory-mapped ring that outlives its writer.

The worker appends and never waits. A record becomes visible by one aligned 8-byte store of the write position, made
last, so a kill at any instant leaves whole records only; the crc is for what a dying machine leaves on the disk.

Space, most precious last:
1. below a quarter free, the blobs (the candidates' detail) are left out and counted;
2. what remains is first owed to the outcome of every request already opened, so each of them can still be finished;
3. when not even that fits, the record is dropped and counted, and the request is served all the same - unless its
   policy requires the record: then ``opened`` says False and the request is refused.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final
from zlib import crc32

from poise.errors import Error
from poise.store.record import (
    CELL_CAPACITY,
    CELL_DETAIL_DROPPED,
    CELL_FORMAT,
    CELL_MAGIC,
    CELL_READ,
    CELL_RECORDS_DROPPED,
    CELL_WRITE,
    CONVERSATION_BYTES,
    DEFAULT_BYTES,
    FINISHED,
    FINISHED_BODY,
    FORMAT,
    HEAD,
    LEAST_BYTES,
    MAGIC,
    NAME_BYTES,
    OPENED,
    OPENED_BODY,
    PAD,
    PAGE,
    REFUSED,
    REFUSED_BODY,
)

# What one open request is owed: a finished record without blob and with the longest target name, twice, because the
# ring's end may cost up to one more record's length in padding.
OWED: Final = 2 * ((HEAD.size + FINISHED_BODY.size + NAME_BYTES + 7) & ~7)
# Pages written this far back are given back to the kernel's cache: they stay in the file, but the worker's resident
# memory stays flat however large the ring is. A refault costs about 1 us a page, which holds about six records.
_KEEP_BYTES: Final = 1024 * 1024
_NAMES: Final = 4096  # workflows, keys and targets whose bytes are kept at hand

_join: Final = b"".join
_opened: Final = OPENED_BODY.pack
_finished: Final = FINISHED_BODY.pack


class Writer:
    """The one writer of one journal file; not thread-safe. Make it with ``Writer.create``."""

    __slots__ = (
        "_capacity",
        "_cells",
        "_easy",
        "_file",
        "_lap",
        "_largest",
        "_map",
        "_names",
        "_owed",
        "_plenty",
        "_position",
        "_read",
        "_release_at",
        "_scarce",
        "_unkept",
        "path",
    )

    def __init__(self, path: Path, file: int, ring: mmap.mmap, capacity: int) -> None:
        self.path = path
        self._file = file
        self._map = ring
        self._cells = memoryview(ring).cast("Q")
        self._capacity = capacity
        self._scarce = capacity // 4
        self._largest = capacity // 8
        self._position = 0
        self._read = 0
        self._owed = 0
        self._lap = -PAGE  # position - lap is the place in the file
        self._easy = 0  # a record that ends before this position needs no pad and no release
        self._plenty = 0  # one that leaves what is owed before this position needs no look at the reader
        self._release_at = _KEEP_BYTES
        self._unkept: set[int] = set()
        self._names: dict[str, bytes] = {}

    @classmethod
    def create(cls, folder: Path, *, worker: int, started_us: int, capacity: int = DEFAULT_BYTES) -> Writer:
        """Make and lock ``<worker>-<pid>-<started_us>.journal`` in folder, with every byte of it allocated.

        capacity in bytes, a multiple of 4096, at least LEAST_BYTES. Raises Error where the disk has no room or says no.
        """
        assert capacity >= LEAST_BYTES, capacity
        assert capacity % PAGE == 0, capacity
        path = folder / f"{worker}-{os.getpid()}-{started_us}.journal"
        fresh = path.with_suffix(".new")
        file = -1
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            # Allocated, not just sized: a full disk must say so here, not kill the worker by SIGBUS at a later store.
            os.posix_fallocate(file, 0, PAGE + capacity)
            # Locked before it gets its name: a journal that is not locked is a dead worker's to whoever looks.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ring = mmap.mmap(file, PAGE + capacity, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            writer = cls(path, file, ring, capacity)
            for cell, value in ((CELL_FORMAT, FORMAT), (CELL_CAPACITY, capacity), (CELL_MAGIC, MAGIC)):
                writer._cells[cell] = value
            fresh.rename(path)
        except OSError as problem:
            if file >= 0:
                os.close(file)
                fresh.unlink(missing_ok=True)
            raise Error(
                "internal",
                f"{path}: no journal of {capacity} bytes could be made: {problem.strerror}",
                hint="free some space or point `data` at another disk",
            ) from problem
        return writer

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
        """Record that a request was accepted. policy is an 8-byte digest, blob ``encode_decision`` of its Decision.

        kind is a code of KIND_CODE. False, with nothing written, only if required and there is no room for all of it.
        """
        name = self._names.get(workflow) or self._name(workflow)
        who = self._names.get(key) or self._name(key)
        talk = conversation.encode("utf-8", "replace")[:CONVERSATION_BYTES] if conversation else b""
        size = len(blob)
        head = _opened(OPENED, 0, len(talk), size, id, policy, kind, len(name), len(who))
        body = _join((head, name, who, talk, blob))
        owed = self._owed = self._owed + OWED
        end = self._position + len(body)
        if end < self._easy and end + owed < self._plenty:
            self._write(body)
            return True
        if required:
            kept = size <= self._largest and self._fits(body, owed)
        else:
            lost = size and (size > self._largest or self._scarce_after(len(body) + owed))
            if lost:
                head = _opened(OPENED, 1, len(talk), 0, id, policy, kind, len(name), len(who))
                body = _join((head, name, who, talk))
            kept = self._fits(body, owed)
            self._count(kept, bool(lost))
        if kept:
            self._write_slow(body)
            return True
        self._owed -= OWED
        if not required:
            self._unkept.add(id)
        return not required

    def finished(  # noqa: PLR0913 - one call for one record: building a value first would cost as much as writing it
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
        """Record how a request ended. kind_code is a code of OUTCOME_CODE, blob ``encode_outcome`` of its Outcome."""
        name = self._names.get(target) or self._name(target)
        size = len(blob)
        body = _join(
            (
                _finished(
                    FINISHED,
                    0,
                    status,
                    size,
                    id,
                    took_us,
                    first_byte_us,
                    cost_usd_e6,
                    input_tokens,
                    output_tokens,
                    kind_code,
                    attempts if attempts < 256 else 255,
                    len(name),
                ),
                name,
                blob,
            )
        )
        if self._unkept and id in self._unkept:
            self._unkept.discard(id)  # its opening was not kept, so nothing is owed to it
        elif self._owed:
            self._owed -= OWED
        end = self._position + len(body)
        if end < self._easy and end + self._owed < self._plenty:
            self._write(body)
            return
        lost = size and (size > self._largest or self._scarce_after(len(body) + self._owed))
        if lost:
            numbers = (took_us, first_byte_us, cost_usd_e6, input_tokens, output_tokens)
            body = _finished(FINISHED, 1, status, 0, id, *numbers, kind_code, min(attempts, 255), len(name)) + name
        self._settle(body, bool(lost))

    def refused(self, id: int, code: str, workflow: str, key: str, status: int, blob: bytes = b"") -> None:
        """Record a request that was turned away before anything was decided. code is a row of CODES."""
        # Not through the cache of names: these come from strangers.
        name = workflow.encode("utf-8", "replace")[:NAME_BYTES]
        who = key.encode("utf-8", "replace")[:NAME_BYTES]
        why = code.encode("utf-8", "replace")[:NAME_BYTES]
        lost = len(blob) > 0 and (len(blob) > self._largest or self._scarce_after(len(blob) + self._owed))
        if lost:
            blob = b""
        body = REFUSED_BODY.pack(REFUSED, lost, status, len(blob), id, len(name), len(who), len(why)) + name + who + why
        self._settle(body + blob, lost)

    @property
    def fill_0_1(self) -> float:
        """How full the ring is with what control has not committed yet."""
        return 1.0 - self._look() / self._capacity

    def close(self) -> None:
        """Unlock and let go. The file stays: control drains and removes it."""
        if self._file < 0:
            return
        self._cells.release()
        self._map.close()
        os.close(self._file)
        self._file = -1

    def __repr__(self) -> str:
        return f"Writer({self.path.name}, position={self._position}, read={self._read}, owed={self._owed})"

    def _look(self) -> int:
        """Bytes free, after looking how far control has committed."""
        self._read = self._cells[CELL_READ]
        return self._capacity - self._position + self._read

    def _name(self, text: str) -> bytes:
        """A name's bytes, cut to what a record holds; the names of one policy file are kept, strangers' are not."""
        name = text.encode("utf-8", "replace")[:NAME_BYTES]
        if len(self._names) < _NAMES:
            self._names[text] = name
        return name

    def _scarce_after(self, size: int) -> bool:
        """Whether less than a quarter would be free once ``size`` more bytes are taken."""
        return self._look() < self._scarce + size

    def _fits(self, body: bytes, owed: int) -> bool:
        """Whether a record, with the pad it may need, leaves ``owed`` bytes free."""
        length = (len(body) + 15) & ~7
        left = self._capacity - self._position % self._capacity
        return (left if length > left else 0) + length + owed <= self._look()

    def _settle(self, body: bytes, lost: bool) -> None:
        kept = self._fits(body, self._owed)
        self._count(kept, lost)
        if kept:
            self._write_slow(body)

    def _count(self, kept: bool, lost: bool) -> None:
        if not kept:
            self._cells[CELL_RECORDS_DROPPED] += 1
        elif lost:
            self._cells[CELL_DETAIL_DROPPED] += 1

    def _write(self, body: bytes) -> None:
        """Append one record that is known to fit before the ring's end."""
        size = len(body)
        at = self._position - self._lap
        length = (size + 15) & ~7
        cells = self._cells
        self._map[at + 8 : at + 8 + size] = body
        cells[at >> 3] = crc32(body) << 32 | size + 8
        # The commit. A plain aligned store: x86 keeps stores in order, and where a machine does not, the crc tells the
        # reader to look again.
        self._position = cells[CELL_WRITE] = self._position + length

    def _write_slow(self, body: bytes) -> None:
        """Append one record that is known to fit, with all that is not needed for each: pad, release, a look ahead."""
        at = self._position % self._capacity
        length = (len(body) + 15) & ~7
        pad = self._capacity - at
        if length > pad:
            self._cells[(at + PAGE) >> 3] = (~pad & 0xFFFFFFFF) << 32 | PAD | pad
            self._position += pad
        self._lap = self._position - self._position % self._capacity - PAGE
        self._write(body)
        while self._position >= self._release_at:
            self._release()
        end = self._lap + PAGE + self._capacity
        # 16: a record is padded to 8 bytes and has 8 bytes before its body.
        self._easy = min(end, self._release_at) - 16
        self._plenty = self._position + self._look() - self._scarce - 16

    def _release(self) -> None:
        at = (self._release_at - _KEEP_BYTES) % self._capacity
        length = min(_KEEP_BYTES, self._capacity - at)
        self._map.madvise(mmap.MADV_DONTNEED, PAGE + at, length)
        self._release_at += _KEEP_BYTES
