"""Reading a journal: what is committed, from a position on, whole or said to be cut."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from poise.store.record import (
    CELL_CAPACITY,
    CELL_DETAIL_DROPPED,
    CELL_FORMAT,
    CELL_MAGIC,
    CELL_READ,
    CELL_RECORDS_DROPPED,
    CELL_WRITE,
    FORMAT,
    HEAD,
    MAGIC,
    PAD,
    PAGE,
    REFUSED_BODY,
)

_RELEASE_BYTES = 4 * 1024 * 1024
_WORD = 0xFFFF_FFFF
_LEAST_RECORD = HEAD.size + REFUSED_BODY.size
# What is read, joined and written at a time, so that a pass holds two hundred requests in memory, not ten thousand.
# 24 and 512 KiB cost the same.
_PIECE_BYTES = 96 * 1024


class DamagedJournal(Exception):
    """A file in the journal's folder that is not a journal of this format, or whose header contradicts itself."""


class Cut(NamedTuple):
    """Bytes of a journal that were committed and cannot be read back: where they began and how many."""

    position: int
    bytes: int


class Scan(NamedTuple):
    """Record bodies in order, the position after the last of them, and what was cut between them."""

    bodies: list[bytes]
    position: int
    cuts: list[Cut]


class Reader:
    """One journal file, read by control alone. Open it with ``Reader.open``."""

    def __init__(self, path: Path, file: int, ring: mmap.mmap, capacity: int) -> None:
        self.path = path
        self._file = file
        self._map = ring
        self._cells = memoryview(ring).cast("Q")
        self.capacity = capacity
        self._dead = False
        self._suspect = -1
        self._released = 0

    @classmethod
    def open(cls, path: Path) -> Reader:
        """Map a journal. Raises DamagedJournal where it is none, OSError where it cannot be opened."""
        file = os.open(path, os.O_RDWR)
        try:
            size = os.fstat(file).st_size
            if size <= PAGE or size % PAGE:
                raise DamagedJournal(f"{path}: {size} bytes is no journal's size (whole pages of {PAGE}, at least two)")
            ring = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except BaseException:
            os.close(file)
            raise
        reader = cls(path, file, ring, size - PAGE)
        try:
            reader._check()
        except DamagedJournal:
            reader.close()
            raise
        return reader

    @property
    def written(self) -> int:
        """The position up to which records are committed."""
        return self._cells[CELL_WRITE]

    @property
    def unread_bytes(self) -> int:
        """Committed, but not given back by ``release``."""
        return self._cells[CELL_WRITE] - self._cells[CELL_READ]

    @property
    def detail_dropped(self) -> int:
        """Records kept without their blob since the journal was made."""
        return self._cells[CELL_DETAIL_DROPPED]

    @property
    def records_dropped(self) -> int:
        """Records not kept at all since the journal was made."""
        return self._cells[CELL_RECORDS_DROPPED]

    def writer_gone(self) -> bool:
        """Whether the worker that wrote it is dead or has let go; from then on this reader holds the lock."""
        if not self._dead:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._dead = True
            except BlockingIOError:
                pass
        return self._dead

    def release(self, position: int) -> None:
        """Give the space before position back to the writer: its rows are committed."""
        self._cells[CELL_READ] = position
        if position - self._released >= _RELEASE_BYTES:
            # The pages stay in the file; only this process's resident memory shrinks.
            self._map.madvise(mmap.MADV_DONTNEED)
            self._released = position

    def scans(self, position: int, most_bytes: int) -> Iterator[Scan]:
        """As ``scan``, in pieces of _PIECE_BYTES, and no further than was committed at the beginning."""
        end = min(self.written, position + most_bytes)
        while position < end:
            piece = min(_PIECE_BYTES, end - position)
            scan = self.scan(position, piece)
            yield scan
            if scan.position < position + piece:
                break  # at a record that is not sound yet: to look again at once would be no second look
            position = scan.position

    def scan(self, position: int, most_bytes: int) -> Scan:
        """Committed records from position on, up to about most_bytes of them.

        A record whose crc is wrong is looked at again by the next call, for a writer on another core may be seen out of
        order; when it is still wrong, or the writer is gone, it is cut: alone where the record after it can be read,
        otherwise with all that was committed by then.
        """
        bodies: list[bytes] = []
        cuts: list[Cut] = []
        written = self.written
        end = min(written, position + most_bytes)
        ring, cells, capacity = self._map, self._cells, self.capacity
        add = bodies.append
        while position < end:
            start = at = position % capacity + PAGE
            stop = min(at + end - position, PAGE + capacity)
            while at < stop:
                word = cells[at >> 3]
                length = word & _WORD
                body = ring[at + 8 : at + length]
                if crc32(body) != word >> 32 or not _LEAST_RECORD <= length < PAD:
                    break
                add(body)
                at += (length + 7) & ~7
            position += at - start
            if position >= end:
                break
            at = position % capacity + PAGE
            word = cells[at >> 3]
            length = word & _WORD
            if length & PAD:
                pad = length ^ PAD
                if word >> 32 == ~pad & _WORD and pad == capacity + PAGE - at:
                    position += pad
                    continue
            else:
                body = ring[at + 8 : at + length]
                if crc32(body) == word >> 32 and len(body) >= REFUSED_BODY.size:
                    add(body)
                    position += (length + 7) & ~7
                    continue
            if self._suspect != position and not self.writer_gone():
                self._suspect = position
                break
            cut = Cut(position, self._bad_bytes(position, written))
            cuts.append(cut)
            position += cut.bytes
        return Scan(bodies, position, cuts)

    def close(self) -> None:
        """Unmap and let go; harmless when done twice."""
        if self._file >= 0:
            self._cells.release()
            self._map.close()
            os.close(self._file)
            self._file = -1

    def __repr__(self) -> str:
        return f"Reader({self.path.name}, written={self.written}, dead={self._dead})"

    def _check(self) -> None:
        magic, format_, capacity = (self._cells[i] for i in (CELL_MAGIC, CELL_FORMAT, CELL_CAPACITY))
        if magic != MAGIC:
            raise DamagedJournal(f"{self.path}: begins with {magic:#018x}, a journal begins with {MAGIC:#018x}")
        if format_ != FORMAT:
            raise DamagedJournal(f"{self.path}: is of format {format_}, this version reads {FORMAT}")
        if capacity != self.capacity:
            raise DamagedJournal(f"{self.path}: says it holds {capacity} bytes and has {self.capacity}")
        behind = self.written - self._cells[CELL_READ]
        if not 0 <= behind <= capacity:
            raise DamagedJournal(f"{self.path}: says {behind} bytes are unread of {capacity}")

    def _bad_bytes(self, position: int, written: int) -> int:
        """How much to cut at position: one record if its length leads to a sound one, else all that is committed."""
        at = position % self.capacity + PAGE
        length = ((self._cells[at >> 3] & _WORD & ~PAD) + 7) & ~7
        following = position + length
        if not 8 < length <= PAGE + self.capacity - at or following > written:
            return written - position
        if following == written:
            return length
        at = following % self.capacity + PAGE
        word = self._cells[at >> 3]
        size = word & _WORD
        if size & PAD or crc32(self._map[at + 8 : at + size]) == word >> 32:
            return length
        return written - position


def positions(folder: Path) -> dict[str, tuple[int, int]]:
    """How far each journal in a folder is written and stored; for readers that wait for the store to catch up."""
    found: dict[str, tuple[int, int]] = {}
    for path in folder.glob("*.journal"):
        try:
            with path.open("rb") as file:
                cells = memoryview(file.read(PAGE)).cast("Q")
        except OSError:  # settled and removed between the listing and now
            continue
        if len(cells) > CELL_READ and cells[CELL_MAGIC] == MAGIC:
            found[path.name] = (cells[CELL_WRITE], cells[CELL_READ])
    return found
