"""The store's schema, step by step. ``upgrade`` brings a database to HEAD; where it is there, that costs one SELECT."""

from __future__ import annotations

import logging
import sqlite3

from poise.errors import Error

HEAD = "0002"


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring the database behind connection to HEAD. Raises Error where it was written by a newer Poise."""
    found = _version(connection)
    if found == HEAD:
        return
    # Imported only now: together they take a third of a second, and a store is migrated once in its life.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415 - see above
    from sqlalchemy import create_engine  # noqa: PLC0415 - see above
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415 - see above

    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each of its plug-ins
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    settings = Config()
    settings.set_main_option("script_location", "poise.store:migrations")
    settings.set_main_option("path_separator", "os")
    try:
        with engine.connect() as open_connection:
            # All steps or none. Begun by hand and only here: the driver begins nothing by itself, and SQLAlchemy rolls
            # back what it finds begun when it connects first.
            open_connection.exec_driver_sql("BEGIN IMMEDIATE")
            settings.attributes["connection"] = open_connection
            command.upgrade(settings, "head")
            open_connection.commit()
    except CommandError as problem:
        raise Error(
            "internal",
            f"the store is of version {found!r}, this Poise knows up to {HEAD!r}",
            hint="run the Poise that wrote it, or point `data` at another folder",
        ) from problem


def _version(connection: sqlite3.Connection) -> str:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return str(row[0]) if row else ""
