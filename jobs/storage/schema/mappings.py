"""The mappings in force, the texts that billed, and what an edit is compared with."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, Integer, LargeBinary, String, Table, Text

from jobs.storage.columns import UtcDateTime
from jobs.storage.schema.base import metadata

#: Content hash → the text that billed, so that every charge can be explained years later.
mapping_versions = Table(
    "mapping_versions",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),  # mapping, catalogue or table
    Column("name", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("parts", JSON, nullable=False),  # table name → version, of the tables it looks up
    Column("first_used_at", UtcDateTime, nullable=False),
)

#: The last good text of each file of the mappings folder: what goes on when an edit is bad.
mapping_files = Table(
    "mapping_files",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("text", LargeBinary, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

#: What stood in a file before an edit: `check --against` compares an edit in force with it.
replaced_texts = Table(
    "replaced_texts",
    metadata,
    # That of `mapping_set` which the edit made.
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("name", String(255), primary_key=True),
    Column("text", LargeBinary),  # null: the file was not there
    Column("replaced_at", UtcDateTime, nullable=False),
)

#: Which set of mappings is in force. Its row is the lock under which an edit is accepted and
#: under which the first charge of a rule by one text is recorded: neither misses the other.
mapping_set = Table(
    "mapping_set",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("version", String(64), nullable=False),
    Column("generation", Integer, nullable=False),  # one more with each edit that was accepted
    Column("accepted_at", UtcDateTime, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

#: Which rules have billed, and by which texts: what an edit is compared with. A trigger on
#: `outcomes` writes it, so that whatever records a charge does.
billed_rules = Table(
    "billed_rules",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("rule", String(128), primary_key=True),
    Column("mapping_version", String(64), primary_key=True),
    Column("first_billed_at", UtcDateTime, nullable=False),
)

#: The form of keys that `rekeyed: true` last declared, by the source and name in the old keys.
rekeyings = Table(
    "rekeyings",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("key_name", String(128), primary_key=True),
    Column("form", String(64), nullable=False),
    Column("now_source", String(64), nullable=False),  # another one, where that was renamed
    Column("accepted_at", UtcDateTime, nullable=False),
)
