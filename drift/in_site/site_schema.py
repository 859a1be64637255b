"""What the applied migrations say of the database's schema, and what the database has, told in the same words.

Runs in the site's own image, with its settings and as its own role. It only reads. PostgreSQL itself brings both sides
into one form: it explains a query of their expressions, which it does not run. Prints one line of JSON:
    {"problem": "", "ahead": ["app"], "strange": ["table"], "tables": {"app_table": {
        "expected": {"columns": {"note": {"type": "text", "null": false, "default": "", "generated": "",
                                          "identity": false, "by_sql": false}},
                     "objects": [{"name": "by_note", "kind": "index", "definition": "INDEX (note)", "by_sql": false,
                                  "sql": "CREATE …"}]},
        "live": the same, but with "is_index" in the place of "sql"; or null}}}
`by_sql` marks what SQL or Python of a migration may have made or changed; `ahead` are apps whose database is newer than
the image, `strange` tables of no app. `problem` says why there are no tables.
"""

import copy
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import declared
from definition import bare, canonical, expressions
from made_by_sql import MadeBySql

_LIMITS = ("SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = '10s'", "SET LOCAL lock_timeout = '2s'")
"""For one transaction: a setting of the session would be left with a pooler."""
_VISIBLE = """pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text !~ '^pg_'
    AND c.relnamespace <> 'information_schema'::regnamespace"""
_COLUMNS = f"""
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> '', a.attgenerated <> ''
  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE {_VISIBLE} AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
 ORDER BY c.relname, a.attnum
"""  # noqa: S608 - no value of anybody's is in it
_OBJECTS = f"""
SELECT c.relname, n.conname, pg_get_constraintdef(n.oid) FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
 WHERE n.contype IN ('c', 'f', 'p', 'u', 'x') AND {_VISIBLE}
UNION ALL
SELECT c.relname, i.relname, pg_get_indexdef(i.oid) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
  JOIN pg_class i ON i.oid = x.indexrelid
 WHERE {_VISIBLE} AND NOT EXISTS (SELECT FROM pg_constraint n WHERE n.conindid = i.oid AND n.contype IN ('p', 'u', 'x'))
"""  # noqa: S608

Table = dict[str, Any]


class Normal:
    """Expressions as PostgreSQL writes them: it plans a query of them, and tells what it has understood."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._known = connection, dict[tuple[str, str], str]()

    def learn(self, table: str, wanted: Iterable[str]) -> None:
        """All of a table's at once; each by itself, where one of them makes no sense there."""
        texts = sorted(set(wanted))
        told = self._explained(table, texts) or [(self._explained(table, [each]) or [each])[0] for each in texts]
        self._known |= {(table, each): text for each, text in zip(texts, told, strict=True)}

    def __call__(self, table: str, expression: str) -> str:
        return self._known.get((table, expression), expression)

    def _explained(self, table: str, texts: list[str]) -> list[str]:
        from django.db import Error, OperationalError, transaction  # noqa: PLC0415 - the project's, known by now

        if not texts:
            return []
        listed = ", ".join(f"({each})" for each in texts)
        source = self._connection.ops.quote_name(table)
        try:
            with transaction.atomic(using=self._connection.alias), self._connection.cursor() as cursor:
                query = f"SELECT {listed} FROM {source}"  # noqa: S608 - the site's own expressions, as its own role
                cursor.execute(f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) {query}", None)
                told = cursor.fetchone()[0]
        except OperationalError:  # a lock, or no time: the next one would fare no better
            raise
        except Error:
            return []
        plan = json.loads(told) if isinstance(told, str) else told
        output = list(map(str, plan[0]["Plan"].get("Output") or ()))
        return output if len(output) == len(texts) else []


def live(connection: Any) -> dict[str, Table]:
    """The tables that the database has, by name."""
    tables: dict[str, Table] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, None)
        for table, name, kind, null, default, identity, generated in cursor.fetchall():
            columns = tables.setdefault(table, {"columns": {}, "objects": []})["columns"]
            counts = identity or default.startswith("nextval(")
            told = {"default": "" if counts or generated else default, "generated": default if generated else ""}
            if name:
                columns[name] = {"type": kind, "null": null, "identity": counts, **told}
        cursor.execute(_OBJECTS, None)
        for table, name, definition in cursor.fetchall():
            if table in tables:
                is_index = definition.startswith("CREATE")
                tables[table]["objects"].append({"name": name, "definition": definition, "is_index": is_index})
    return tables


def alike(name: str, sides: Sequence[Table], normal: Normal) -> None:
    """Bring both sides of a table into one form."""
    columns = [column for side in sides for column in side["columns"].values()]
    objects = [each for side in sides for each in side["objects"]]
    kinds = {column: told["type"] for side in reversed(sides) for column, told in side["columns"].items()}
    for side in sides:
        for column, told in side["columns"].items():
            # As the column would have it: 'x' is then no text but the column's type.
            told["default"] = f"CAST({told['default']} AS {kinds[column]})" if told["default"] else ""
            told["type"] = f"NULL::{told['type']}"
    wanted = [column[key] for column in columns for key in ("type", "default", "generated") if column[key]]
    normal.learn(name, [*map(bare, wanted), *(text for each in objects for text in expressions(each["definition"]))])
    for column in columns:
        for key in ("type", "default", "generated"):
            column[key] = bare(normal(name, bare(column[key]))) if column[key] else ""
        column["type"] = column["type"].removeprefix("NULL::")
    for each in objects:
        each["kind"], each["definition"] = canonical(name, each["definition"], normal)


def ahead_of(loader: Any, recorder: Any) -> set[str]:
    """Apps whose database has migrations of a newer release: unknown here, and applied after all that are known."""
    ahead: dict[str, bool] = {}
    for app, name in recorder.migration_qs.order_by("id").values_list("app", "name"):
        ahead[app] = (app, name) not in loader.disk_migrations
    return {app for app, unknown in ahead.items() if unknown and app in loader.migrated_apps}


def schema(connection: Any) -> dict[str, Any]:
    """All of it, of the database behind the connection."""
    from django.db import transaction  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415
    from django.db.migrations.recorder import MigrationRecorder  # noqa: PLC0415

    if connection.vendor != "postgresql":
        return {"problem": f"the site's database must be PostgreSQL (got {connection.vendor})"}
    with transaction.atomic(using=connection.alias):
        for limit in _LIMITS:
            with connection.cursor() as cursor:
                cursor.execute(limit, None)
        executor = MigrationExecutor(connection)
        state = executor._create_project_state(with_applied_migrations=True)  # noqa: SLF001 - as Django's own command does
        ahead, found = ahead_of(executor.loader, MigrationRecorder(connection)), live(connection)
        known = {model._meta.db_table for model in state.apps.get_models(include_auto_created=True)}  # noqa: SLF001
        known.add(MigrationRecorder.Migration._meta.db_table)  # noqa: SLF001
        told = compared(connection, executor.loader, state, found, ahead)
    newer = {table for app in ahead for table in found if table.startswith(f"{app}_")}
    return {"ahead": sorted(ahead), "strange": sorted(found.keys() - known - newer), "tables": told}


def compared(connection: Any, loader: Any, state: Any, found: Mapping[str, Table], ahead: set[str]) -> dict[str, Any]:
    """Both sides of each table that migrations have made."""
    from django.db import router  # noqa: PLC0415

    done = [loader.disk_migrations[key] for key in loader.applied_migrations if key in loader.disk_migrations]
    names = {key: each.options.get("db_table") or "_".join(key) for key, each in state.models.items()}
    editor, normal = connection.schema_editor(collect_sql=True, atomic=False), Normal(connection)
    by_sql, tables = MadeBySql(done, names), dict[str, Any]()
    for model in state.apps.get_models(include_auto_created=True):
        meta = model._meta  # noqa: SLF001 - Django's own word for it
        managed = meta.managed and not meta.proxy and not meta.swapped and meta.app_label in loader.migrated_apps
        if not managed or meta.app_label in ahead or not router.allow_migrate_model(connection.alias, model):
            continue
        has = copy.deepcopy(found.get(meta.db_table))
        if has is None and _exists(connection, meta.db_table):
            continue  # a view, say, or in a schema that it names
        expected = declared.table(model, editor, by_sql)
        alike(meta.db_table, [side for side in (expected, has) if side], normal)
        tables[meta.db_table] = {"expected": expected, "live": _marked(meta.db_table, has, by_sql)}
    return tables


def _exists(connection: Any, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [connection.ops.quote_name(table)])
        return bool(cursor.fetchone()[0])


def _marked(name: str, table: Table | None, by_sql: MadeBySql) -> Table | None:
    """What nobody may have declared, with whether a migration's own SQL has."""
    if table is None:
        return None
    columns = {column: told | {"by_sql": by_sql(column)} for column, told in table["columns"].items()}
    objects = [each | {"by_sql": by_sql(each["name"]) or by_sql(name)} for each in table["objects"]]
    return {"columns": columns, "objects": objects}


def main() -> None:
    told: Mapping[str, Any] = {"problem": "", "ahead": [], "strange": [], "tables": {}}
    sys.path.insert(0, str(Path.cwd()))
    printed, sys.stdout = sys.stdout, sys.stderr  # the project's own prints are no answer
    try:
        import django  # noqa: PLC0415

        django.setup()
        from django.db import connection  # noqa: PLC0415

        told = {**told, **schema(connection)}
    except Exception as error:  # noqa: BLE001 - whatever the project raises is told in the same way
        told = {**told, "problem": f"{type(error).__name__}: {error}".strip()}
    print(json.dumps(told), file=printed)
    printed.flush()
    os._exit(0)  # threads of the project's must not keep it
