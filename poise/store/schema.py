"""The store's tables. Migrations make them, ``query`` reads them, the tests hold the bulk writer's SQL against them.

A decision's row id is its id: 63 bits, time-ordered, ``id >> 12`` is wall time in microseconds. So the table itself is
the index by id and by time, and appending to it never touches an old page. Workflow, target and outcome are found
through ``tallies``, which says in which ten seconds there is anything to look for: an index on them would cost 2 us a
row, a tally 0.2 us, and the tallies are also what rates and costs are read from.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text, text

metadata = MetaData()

names = Table(
    "names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("text", Text, nullable=False),
    Index("names_by_text", "kind", "text", unique=True),
    comment="Every workflow, target, key and error code that rows name by number; kind as in rows.NameKind.",
)

policies = Table(
    "policies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(8), nullable=False, unique=True),
    Column("content", LargeBinary),
    comment="Resolved policies as canonical msgpack; never deleted, they outlive the decisions that name them.",
)

journals = Table(
    "journals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("position", BigInteger, nullable=False),
    Column("detail_dropped", BigInteger, nullable=False),
    Column("records_dropped", BigInteger, nullable=False),
    Column("settled_us", BigInteger),
    comment="How far each worker's journal is in the store; committed together with the rows read from it.",
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workflow_id", Integer),
    Column("target_id", Integer),
    Column("key_id", Integer),
    Column("policy_id", Integer),
    Column("journal_id", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("outcome", SmallInteger, comment="NULL while the request is open"),
    Column("status", SmallInteger),
    Column("attempts", SmallInteger),
    Column("took_us", BigInteger),
    Column("first_byte_us", BigInteger),
    Column("cost_usd_e6", BigInteger),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("lost", SmallInteger, nullable=False, comment="1: decision's detail not kept; 2: the outcome's; 3: both"),
    Column("code_id", Integer),
    Column("conversation", Text),
    Column("decision", LargeBinary),
    Column("outcome_detail", LargeBinary),
    Index("decisions_open", "journal_id", sqlite_where=text("outcome IS NULL")),
    Index("decisions_bad", "outcome", sqlite_where=text("outcome > 1")),
    Index("decisions_by_conversation", "conversation", sqlite_where=text("conversation IS NOT NULL")),
)

tallies = Table(
    "tallies",
    metadata,
    Column("at_s", Integer, primary_key=True, comment="start of TALLY_S seconds in which requests began"),
    Column("workflow_id", Integer, primary_key=True, comment="0: none"),
    Column("target_id", Integer, primary_key=True, comment="0: none"),
    Column("outcome", SmallInteger, primary_key=True, comment="0: counts openings that were stored before they ended"),
    Column("requests", BigInteger, nullable=False),
    Column("took_us", BigInteger, nullable=False),
    Column("cost_usd_e6", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("loop", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("because", Text, nullable=False),
)

pins = Table(
    "pins",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("at_s", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
    comment="Who made what an id names; digests only, keyed with a file of the data folder.",
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("journal", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("because", Text, nullable=False),
    comment="What the store knows it does not have: dropped, cut or damaged records.",
)
