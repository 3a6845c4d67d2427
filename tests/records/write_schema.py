"""Write the migration with the tables of all record types: `python -m tests.records.write_schema`."""

from pathlib import Path

from homeroom.records.schema import ddl
from homeroom.records.types import RECORD_TYPES

SCHEMA = Path(__file__).parents[2] / "homeroom" / "records" / "migrations" / "0200_records.sql"

if __name__ == "__main__":
    SCHEMA.write_text(ddl(RECORD_TYPES), encoding="utf-8")
