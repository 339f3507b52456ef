"""The schema: migrations make what schema.py says, once, and never touch what a newer version made."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from poise.errors import Error
from poise.store import migrations, schema
from poise.store.rows import TALLY_IDS, TALLY_S
from poise.store.sqlite import END, OPEN, REFUSAL, TALK, WHOLE, connect


def test_migrations_make_what_the_schema_says(tmp_path: Path) -> None:
    """Alembic finds no difference between a migrated database and the tables in schema.py."""
    connect(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'store.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), schema.metadata)

    assert [] == found


def test_head_is_the_newest_migration() -> None:
    """The version that counts as current is the last script in the folder."""
    folder = Path(migrations.__file__).parent

    assert migrations.HEAD == ScriptDirectory(str(folder)).get_current_head()


def test_a_current_store_is_opened_without_alembic(tmp_path: Path) -> None:
    """Only the first start of a store's life pays for the migration libraries."""
    connect(tmp_path).close()
    code = (
        "import sys; from pathlib import Path; from poise.store.sqlite import connect;"
        "connect(Path(sys.argv[1])).close(); print('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=True)

    assert b"False\n" == told.stdout


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """A database of a later Poise is refused with what to do, and not changed."""
    with closing(connect(tmp_path)) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "store.db").read_bytes()
    with pytest.raises(Error) as caught:
        connect(tmp_path)

    assert "9999" in caught.value.text
    assert caught.value.hint
    assert before == (tmp_path / "store.db").read_bytes()


def test_a_migration_that_was_cut_off_left_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating is one transaction: after a failure in its middle the next start begins anew and succeeds."""
    from poise.store.migrations.versions import v0001_first, v0002_pins

    steps = v0001_first._STEPS + v0002_pins._STEPS  # noqa: SLF001 - the fault is put where only it can be
    with monkeypatch.context() as patch:
        patch.setattr("poise.store.migrations.HEAD", "0002")
        patch.setattr(sqlite3, "connect", _failing_after(6))
        with pytest.raises(Exception, match="disk I/O error"):
            connect(tmp_path)
    with closing(connect(tmp_path)) as db:
        tables = db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]

    assert steps.count("CREATE TABLE") + len({"alembic_version", "sqlite_stat1"}) == tables


def _failing_after(creations: int) -> object:
    class Failing(sqlite3.Connection):
        left = creations

        def cursor(self, *args: object, **more: object) -> sqlite3.Cursor:  # type: ignore[override] # the driver's own signature is a C function's
            connection = self

            class Cursor(sqlite3.Cursor):
                def execute(self, sql: str, *values: object) -> sqlite3.Cursor:  # type: ignore[override] # same
                    if sql.lstrip().startswith("CREATE"):
                        connection.left -= 1
                        if not connection.left:
                            raise sqlite3.OperationalError("disk I/O error")
                    return super().execute(sql, *values)  # type: ignore[arg-type] # same

            return super().cursor(Cursor)

    real = sqlite3.connect
    return lambda *args, **more: real(*args, factory=Failing, **more)


@pytest.mark.parametrize("statement", [WHOLE, TALK, OPEN, REFUSAL])
def test_the_bulk_writer_knows_the_columns(statement: str) -> None:
    """Every column that is inserted exists, and each has its value."""
    inside = re.search(r"\(([^)]*)\)\s+VALUES \((.*)\)", statement, re.DOTALL)
    assert inside is not None
    columns = [name.strip() for name in inside[1].split(",")]

    assert set(columns) <= set(schema.decisions.c.keys())
    assert len(columns) == inside[2].count("?") + inside[2].count(" 4")


def test_the_bulk_writer_ends_what_is_open() -> None:
    """Every column of the update exists, and none of an ended row is touched."""
    columns = set(re.findall(r"(\w+) = ", END)) - {"id"}

    assert columns <= set(schema.decisions.c.keys())
    assert END.rstrip().endswith("outcome IS NULL")


def test_an_insert_gives_every_column_its_value(tmp_path: Path) -> None:
    """A tally's time is in the unit of ids: the two constants agree."""
    assert TALLY_IDS == TALLY_S * 1_000_000 * 4096
    with closing(connect(tmp_path)) as db:
        assert 16384 == db.execute("PRAGMA page_size").fetchone()[0]
        assert "wal" == db.execute("PRAGMA journal_mode").fetchone()[0]
        assert 2 == db.execute("PRAGMA synchronous").fetchone()[0]
