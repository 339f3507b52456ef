"""The journal's bytes: the file's header cells, the shape of each record, and the closed code numbers.

A file is one 4 KiB header page of native 64-bit cells and a ring of records. A record is ``length, crc32, body``,
padded to 8 bytes; length counts all but that padding. PAD in the length marks what fills the ring's end where the next
record did not fit. Positions count bytes since the file was made and never wrap; the place in the ring
is ``position % capacity``.
"""

from __future__ import annotations

from struct import Struct

from poise.decision import Kind, OutcomeKind

MAGIC = int.from_bytes(b"PoiseJ\r\n", "little")
FORMAT = 1
PAGE = 4096
DEFAULT_BYTES = 64 * 1024 * 1024
LEAST_BYTES = 64 * 1024

# Header cells, by index of their 8 bytes. WRITE and the counters belong to the worker, READ to control.
CELL_MAGIC, CELL_FORMAT, CELL_CAPACITY, CELL_WRITE, CELL_READ, CELL_DETAIL_DROPPED, CELL_RECORDS_DROPPED = range(7)

OPENED, FINISHED, REFUSED = 1, 2, 3
PAD = 0x8000_0000

HEAD = Struct("<II")
ID = Struct("<Q")
ID_AT = 8  # in every body
# type, lost, conversation's length, blob's length, id, policy digest, kind, workflow's and key's length;
# then workflow, key, conversation, blob
OPENED_BODY = Struct("<BBHIQ8sBBB")
OPENED_NAMES_AT = 16  # from here to the key's end: all that is looked up once per policy and key, in one piece
# type, lost, status, blob's length, id, took, first byte, cost, tokens in, tokens out, outcome, attempts,
# target's length; then target, blob
FINISHED_BODY = Struct("<BBHIQqqqqqBBB")
# type, lost, status, blob's length, id, workflow's, key's and code's length; then workflow, key, code, blob
REFUSED_BODY = Struct("<BBHIQBBB")

NAME_BYTES = 255  # workflow, key, target and code names longer than this are cut in the journal's index fields
CONVERSATION_BYTES = 512

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
