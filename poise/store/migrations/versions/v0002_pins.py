"""What lives at one provider: digests of ids, and who made what they name."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

# Written out, not taken from schema.py: a migration must not change when the schema does.
_STEPS = """
CREATE TABLE pins (
  digest BLOB NOT NULL PRIMARY KEY, provider TEXT NOT NULL, target TEXT NOT NULL, at_s BIGINT NOT NULL) WITHOUT ROWID;
CREATE INDEX ix_pins_at_s ON pins (at_s);
"""


def upgrade() -> None:
    """Make the table."""
    for step in _STEPS.split(";"):
        if step.strip():
            op.execute(text(step))


def downgrade() -> None:
    """Take it away."""
    op.drop_table("pins")
