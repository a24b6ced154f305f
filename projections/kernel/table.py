"""The SQL of a view's table. Rows go in and out as JSON, so the table's own column types are the only ones.

Identifiers come from views in this folder, never from outside, and are checked; values are parameters.
"""

import re
from collections.abc import Iterable

import orjson

from projections.kernel.view import Key, Row, View

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")

CHECKPOINT_CREATE = """
INSERT INTO projection_checkpoint (name, view_version, position, updated_us)
VALUES ($1, $2, 0, $3) ON CONFLICT (name) DO NOTHING
"""

# Whoever applies a batch holds this row to the end of its transaction: that is what keeps two runners apart.
CHECKPOINT_LOCK = "SELECT view_version, position FROM projection_checkpoint WHERE name = $1 FOR UPDATE"

CHECKPOINT_ADVANCE = """
UPDATE projection_checkpoint SET view_version = $2, position = $3, updated_us = $4, error = '' WHERE name = $1
"""

CHECKPOINT_FAIL = "UPDATE projection_checkpoint SET error = $2 WHERE name = $1"


class Table:
    """Statements for one view on one table: its own, or a scratch table of the same columns.

    Scratch tables have a name of their own, so that no prepared statement can mean the other one.
    """

    def __init__(self, view: View, name: str) -> None:
        if not all(_NAME.match(word) for word in (name, *view.key)):
            raise ValueError(f"table {name!r} with key {view.key!r}: names must be lower snake case")
        self._view = view
        self.name = name
        key = ", ".join(view.key)
        given = f"json_populate_recordset(NULL::{name}, $1::json)"
        # Primary key look-ups, one per key in $1.
        self.load = f"SELECT row_to_json(t)::text AS row FROM {name} t JOIN {given} k USING ({key})"  # noqa: S608  # checked names
        matches = " AND ".join(f"t.{column} = k.{column}" for column in view.key)
        self.delete = f"DELETE FROM {name} t USING {given} k WHERE {matches}"  # noqa: S608  # checked names
        self.delete_all = f"DELETE FROM {name}"  # noqa: S608  # checked names
        self.count = f"SELECT count(*) FROM {name}"  # noqa: S608  # checked names
        self.drop = f"DROP TABLE IF EXISTS pg_temp.{name}"

    def upsert(self, row: Row) -> str:
        """Return the statement that writes rows with the columns of ``row`` from the JSON list $1."""
        columns = [column for column in row if _NAME.match(column)]
        listed, excluded = ", ".join(columns), ", ".join(f"EXCLUDED.{column}" for column in columns)
        return (
            f"INSERT INTO {self.name} ({listed}) "  # noqa: S608  # checked names
            f"SELECT {listed} FROM json_populate_recordset(NULL::{self.name}, $1::json) "
            f"ON CONFLICT ({', '.join(self._view.key)}) DO UPDATE SET ({listed}) = ROW({excluded})"
        )

    def create_like(self, other: "Table") -> str:
        """Return the statement that makes this a temporary table with the columns and key of ``other``."""
        return f"CREATE TEMPORARY TABLE {self.name} (LIKE {other.name} INCLUDING ALL)"

    def copy_from(self, other: "Table") -> str:
        """Return the statement that adds every row of ``other``, which has the same columns."""
        return f"INSERT INTO {self.name} SELECT * FROM {other.name}"  # noqa: S608  # checked names

    def differences(self, other: "Table") -> str:
        """Return the query for rows that only one of both has; jsonb, because json cannot be compared."""
        mine = f"SELECT to_jsonb(t) AS row FROM {self.name} t"  # noqa: S608  # checked names
        theirs = f"SELECT to_jsonb(t) AS row FROM {other.name} t"  # noqa: S608  # checked names
        return (
            f"SELECT 'kept' AS side, row FROM ({mine} EXCEPT {theirs}) AS a "  # noqa: S608  # checked names
            f"UNION ALL SELECT 'rebuilt', row FROM ({theirs} EXCEPT {mine}) AS b"
        )

    def key_of(self, row: Row) -> Key:
        """Return the key of a row."""
        return tuple(row[column] for column in self._view.key)

    def keys_json(self, keys: Iterable[Key]) -> str:
        """Return keys as the JSON list that `load` and `delete` take."""
        return orjson.dumps([dict(zip(self._view.key, key, strict=True)) for key in keys]).decode()
