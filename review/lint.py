"""What a linter's findings mean here: which matter, in one word, and which do not because of what it cannot know.

The linter is squawk, as it knows PostgreSQL's locks by statement and is kept up; django-migration-linter looks at
fewer patterns and needs a database for its SQL. Squawk sees one statement at a time. So it is not heard about tables
that the same deployment makes, nor about columns that Django knows to take all that they took.
"""

import re
from collections.abc import Iterable, Sequence

from review.migrations import Flaw, Migration

BREAKS, BLOCKS_ALL, BLOCKS_WRITES = "review.E010", "review.E012", "review.W013"
TAKES_AWAY, UNREADABLE = "review.E014", "review.W015"

SQUAWK = {
    "syntax-error": (UNREADABLE, "the linter cannot read it"),
    "ban-drop-database": (TAKES_AWAY, "drops a database"),
    "ban-drop-schema": (TAKES_AWAY, "drops a schema"),
    "ban-drop-table": (TAKES_AWAY, "drops a table"),
    "ban-drop-column": (TAKES_AWAY, "drops a column"),
    "ban-truncate-cascade": (TAKES_AWAY, "empties a table and all that refer to it"),
    "ban-drop-sequence": (BREAKS, "drops a sequence"),
    "ban-drop-type": (BREAKS, "drops a type"),
    "ban-drop-domain": (BREAKS, "drops a domain"),
    "ban-drop-view": (BREAKS, "drops a view"),
    "ban-drop-function": (BREAKS, "drops a function"),
    "ban-drop-extension": (BREAKS, "drops an extension"),
    "renaming-table": (BREAKS, "renames a table"),
    "renaming-column": (BREAKS, "renames a column"),
    "changing-column-type": (BLOCKS_ALL, "rewrites the table"),
    "adding-serial-primary-key-field": (BLOCKS_ALL, "builds a primary key over the table"),
    "adding-field-with-default": (BLOCKS_ALL, "rewrites the table for a value that differs from row to row"),
    "adding-required-field": (BLOCKS_ALL, "fails if the table has rows: a column that needs a value and has none"),
    "adding-not-nullable-field": (BLOCKS_ALL, "reads the whole table to see that no value is missing"),
    "disallowed-unique-constraint": (BLOCKS_ALL, "builds an index over the table while nobody may read it"),
    "adding-foreign-key-constraint": (BLOCKS_WRITES, "reads the whole table to check a foreign key"),
    "constraint-missing-not-valid": (BLOCKS_ALL, "reads the whole table to check a constraint"),
    "prefer-identity": (BLOCKS_ALL, "rewrites the table for a number that differs from row to row"),
    "require-concurrent-index-creation": (BLOCKS_WRITES, "builds an index without CONCURRENTLY"),
    "require-concurrent-reindex": (BLOCKS_WRITES, "builds indexes anew without CONCURRENTLY"),
}
"""Squawk's rules that are heard, with what each means; of several for one statement the first of these counts.

The others are taste (`prefer-…`), about locks that last no longer than the lock timeout allows
(`require-concurrent-index-deletion`), or known better to images/python/migrate.py (`ban-drop-not-null`).
"""

OWN = (
    (r"TRUNCATE\b", TAKES_AWAY, "empties a table"),
    (r"DELETE\s+FROM\b(?!.*\bWHERE\b)", TAKES_AWAY, "deletes every row"),
    (r"UPDATE\b(?!.*\bWHERE\b)", BLOCKS_WRITES, "writes every row, and keeps each locked until the end"),
    (r"CLUSTER\b", BLOCKS_ALL, "rewrites the table"),
    (r"VACUUM\s*(\([^)]*\b)?FULL\b", BLOCKS_ALL, "rewrites the table"),
    (r"LOCK\b", BLOCKS_ALL, "locks a table"),
    (r"ALTER\s+TABLE\b.*\bSET\s+(TABLESPACE|LOGGED|UNLOGGED|ACCESS\s+METHOD)\b", BLOCKS_ALL, "rewrites the table"),
    (r"ALTER\s+TABLE\b.*\bADD\s+COLUMN\b.*\bCHECK\s*\(", BLOCKS_ALL, "reads the whole table to check a constraint"),
    (r"REFRESH\s+MATERIALIZED\s+VIEW\s+(?!CONCURRENTLY)", BLOCKS_ALL, "makes a view anew while nobody may read it"),
)
"""What squawk has no rule for."""

FAILS = (BLOCKS_ALL, "fails: CONCURRENTLY cannot run in a transaction, and the migration is one (atomic = False)")

_NAME = r'(?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?'
_TARGET = re.compile(
    rf"(?:ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?|UPDATE\s+(?:ONLY\s+)?|DELETE\s+FROM\s+(?:ONLY\s+)?"
    rf"|TRUNCATE\s+(?:TABLE\s+)?|CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"{_NAME}\s+ON\s+(?:ONLY\s+)?)(?P<table>{_NAME})",
    re.IGNORECASE,
)
_CREATES = re.compile(rf"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<table>{_NAME})", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"(?i)(CREATE\s+(UNIQUE\s+)?|DROP\s+)INDEX\s+CONCURRENTLY\b")
_NEW_REFERENCE = re.compile(
    r"ALTER\s+TABLE\b.*\bADD\s+COLUMN\b(?!.*\bDEFAULT\b).*\bREFERENCES\b", re.IGNORECASE | re.DOTALL
)
"""A new column with no value in it: PostgreSQL knows that there is nothing to check."""


def flaws(migrations: Sequence[Migration], found: Sequence[Sequence[Iterable[str]]]) -> list[Flaw]:
    """One flaw for each statement that has any; `found` are the linter's rules for each statement of each migration."""
    new: set[str] = set()
    told = []
    for number, (migration, rules) in enumerate(zip(migrations, found, strict=True)):
        for statement, names in zip(migration.statements, rules, strict=True):
            sql = _bare(statement.sql)
            if created := _CREATES.match(sql):
                new.add(_plain(created["table"]))
                continue
            target = _TARGET.match(sql)
            meant = FAILS if migration.atomic and _CONCURRENTLY.match(sql) else None
            if meant is None and not (target and _plain(target["table"]) in new):
                meant = _meaning(sql, set(names), widens=statement.widens)
            if meant:
                told.append(Flaw(migration=number, id=meant[0], words=meant[1], sql=statement.sql))
    return told


def _meaning(sql: str, names: set[str], *, widens: bool) -> tuple[str, str] | None:
    if widens:
        names -= {"changing-column-type"}
    if _NEW_REFERENCE.match(sql):
        names -= {"adding-foreign-key-constraint"}
    if "adding-foreign-key-constraint" in names:  # which says it better
        names -= {"constraint-missing-not-valid"}
    found = [meaning for rule, meaning in SQUAWK.items() if rule in names]
    found += [(rule, words) for pattern, rule, words in OWN if re.match(rf"(?is){pattern}", sql)]
    return found[0] if found else None


def _bare(sql: str) -> str:
    """From its first word on."""
    return re.sub(r"\A(\s+|--[^\n]*(\n|\Z)|/\*.*?\*/)+", "", sql, flags=re.DOTALL)


def _plain(name: str) -> str:
    """Of a table, without schema and quotes; what is not quoted is in small letters."""
    last = re.split(r"\.(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", name)[-1].strip()
    return last.strip('"') if last.startswith('"') else last.lower()
