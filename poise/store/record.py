"""The journal's bytes: the file's header cells, the shape of each record, and the closed code numbers.

A file is one 4 KiB header page of native 64-bit cells and a ring of records. A record is ``length, crc32, body``,
padded to 8 bytes; length counts all but that padding. PAD in the length marks what fills the ring's end where the next
record did not fit. Positions count bytes since the file was made and never wrap; the place in the ring
is ``position % capacity``.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from poise.decision import Kind, OutcomeKind

MAGIC: Final = int.from_bytes(b"PoiseJ\r\n", "little")
FORMAT: Final = 1
PAGE: Final = 4096
DEFAULT_BYTES: Final = 64 * 1024 * 1024
LEAST_BYTES: Final = 64 * 1024

# Header cells, by index of their 8 bytes. WRITE and the counters belong to the worker, READ to control.
# One line each, and final: compiled code then holds the number, not a name to look up.
CELL_MAGIC: Final = 0
CELL_FORMAT: Final = 1
CELL_CAPACITY: Final = 2
CELL_WRITE: Final = 3
CELL_READ: Final = 4
CELL_DETAIL_DROPPED: Final = 5
CELL_RECORDS_DROPPED: Final = 6

OPENED: Final = 1
FINISHED: Final = 2
REFUSED: Final = 3
PAD: Final = 0x8000_0000

HEAD: Final = Struct("<II")
ID: Final = Struct("<Q")
ID_AT: Final = 8  # in every body
# type, lost, conversation's length, blob's length, id, policy digest, kind, workflow's and key's length;
# then workflow, key, conversation, blob
OPENED_BODY: Final = Struct("<BBHIQ8sBBB")
OPENED_NAMES_AT: Final = 16  # from here to the key's end: all that is looked up once per policy and key, in one piece
# type, lost, status, blob's length, id, took, first byte, cost, tokens in, tokens out, outcome, attempts,
# target's length; then target, blob
FINISHED_BODY: Final = Struct("<BBHIQqqqqqBBB")
# type, lost, status, blob's length, id, workflow's, key's and code's length; then workflow, key, code, blob
REFUSED_BODY: Final = Struct("<BBHIQBBB")

NAME_BYTES: Final = 255  # workflow, key, target and code names longer than this are cut in the journal's index fields
CONVERSATION_BYTES: Final = 512

# Numbers stand in files for years: add at the end, never renumber.
OUTCOME_CODE: dict[OutcomeKind, int] = {
    OutcomeKind.COMPLETED: 1,
    OutcomeKind.FAILED: 2,
    OutcomeKind.TRUNCATED: 3,
    OutcomeKind.CLIENT_GONE: 4,
    OutcomeKind.REFUSED: 5,
    OutcomeKind.DEADLINE: 6,
    OutcomeKind.DRAINED: 7,
    OutcomeKind.GATEWAY_CRASH: 8,
}
OUTCOME_OF: dict[int, OutcomeKind] = {code: kind for kind, code in OUTCOME_CODE.items()}
KIND_CODE: dict[Kind, int] = {Kind.ROUTED: 1, Kind.CACHED: 2, Kind.JOINED: 3, Kind.REFUSED: 4}
KIND_OF: dict[int, Kind] = {code: kind for kind, code in KIND_CODE.items()}
