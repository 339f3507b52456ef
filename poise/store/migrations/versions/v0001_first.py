"""The first tables."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None

# Written out, not taken from schema.py: a migration must not change when the schema does.
_STEPS = """
CREATE TABLE names (id INTEGER NOT NULL PRIMARY KEY, kind SMALLINT NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX names_by_text ON names (kind, text);
CREATE TABLE policies (id INTEGER NOT NULL PRIMARY KEY, digest BLOB NOT NULL UNIQUE, content BLOB);
CREATE TABLE journals (
  id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, position BIGINT NOT NULL, detail_dropped BIGINT NOT NULL,
  records_dropped BIGINT NOT NULL, settled_us BIGINT);
CREATE TABLE decisions (
  id INTEGER NOT NULL PRIMARY KEY, workflow_id INTEGER, target_id INTEGER, key_id INTEGER, policy_id INTEGER,
  journal_id INTEGER NOT NULL, kind SMALLINT NOT NULL, outcome SMALLINT, status SMALLINT, attempts SMALLINT,
  took_us BIGINT, first_byte_us BIGINT, cost_usd_e6 BIGINT, input_tokens BIGINT, output_tokens BIGINT,
  lost SMALLINT NOT NULL, code_id INTEGER, conversation TEXT, decision BLOB, outcome_detail BLOB);
CREATE INDEX decisions_open ON decisions (journal_id) WHERE outcome IS NULL;
CREATE INDEX decisions_bad ON decisions (outcome) WHERE outcome > 1;
CREATE INDEX decisions_by_conversation ON decisions (conversation) WHERE conversation IS NOT NULL;
CREATE TABLE tallies (
  at_s INTEGER NOT NULL, workflow_id INTEGER NOT NULL, target_id INTEGER NOT NULL, outcome SMALLINT NOT NULL,
  requests BIGINT NOT NULL, took_us BIGINT NOT NULL, cost_usd_e6 BIGINT NOT NULL, input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL, PRIMARY KEY (at_s, workflow_id, target_id, outcome)) WITHOUT ROWID;
CREATE TABLE actions (
  id INTEGER NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL, loop TEXT NOT NULL, subject TEXT NOT NULL,
  action TEXT NOT NULL, because TEXT NOT NULL);
CREATE INDEX ix_actions_at_us ON actions (at_us);
CREATE TABLE gaps (
  id INTEGER NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL, journal TEXT NOT NULL, kind TEXT NOT NULL,
  amount BIGINT NOT NULL, because TEXT NOT NULL);
CREATE INDEX ix_gaps_at_us ON gaps (at_us);
ANALYZE;
"""

# What the planner is to believe of a store in use. Left to itself it takes partial indexes for as large as the table
# and goes through ten million rows for the one open request. Rows in the index, then rows for each value of its column.
_STATISTICS = (
    ("decisions", None, "10000000"),
    ("decisions", "decisions_open", "1000 100"),
    ("decisions", "decisions_bad", "100000 20000"),
    ("decisions", "decisions_by_conversation", "1000000 10"),
)


def upgrade() -> None:
    """Make them."""
    for step in _STEPS.split(";"):
        if step.strip():
            op.execute(text(step))
    for table, index, figures in _STATISTICS:
        row = {"table": table, "index": index, "figures": figures}
        op.execute(text("INSERT INTO sqlite_stat1 VALUES (:table, :index, :figures)").bindparams(**row))


def downgrade() -> None:
    """Take them away, with all that is in them."""
    for table in ("gaps", "actions", "tallies", "decisions", "journals", "policies", "names"):
        op.drop_table(table)
