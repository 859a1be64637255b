"""What an image would bring: its packages, and those of its migrations that a database lacks, with their SQL.

Runs in the project's own image and asks no database: what has been applied is told on standard input, as the release
ledger has it, {"heads": {"app": "0002_name", …}}; with {"heads": null} only packages are told. Prints one line of JSON:
    {"packages": {"django": "5.2.1", …}, "problem": "", "ahead": ["app.0009_name", …], "migrations": [
        {"label": "app.0003_name", "atomic": true, "contractions": ["why"], "waivers": {"review.W013": "why"},
         "statements": [{"sql": "ALTER TABLE …", "of": "Add field note to order", "widens": false}],
         "unknown": ["Raw Python operation"]}, …]}
`unknown` are operations whose SQL only a database knows. `problem` says why there are no migrations.
"""

import importlib.metadata
import json
import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from migrate import contracting, label, widens

POSTGRES = 170000
"""The server that SQL is written for, as libpq numbers versions."""


class NeedsDatabaseError(Exception):
    """Somebody has asked the database."""


def packages() -> dict[str, str]:
    """Every installed distribution, by its normal name."""
    found = importlib.metadata.distributions()
    named = ((str(each.metadata["Name"] or "").lower().replace("_", "-"), each.version) for each in found)
    return dict(sorted((name, version) for name, version in named if name))


def stand_in_for_secrets(environment: Mapping[str, str]) -> None:
    """A random text where a secret's file should be, so that settings can be loaded without one."""
    for name, path in environment.items():
        if name.endswith("_FILE") and path.startswith("/") and not Path(path).exists():
            with suppress(OSError):
                Path(path).write_text(secrets.token_urlsafe(48))


def without_database(connection: Any) -> None:
    """Have the connection answer what it knows by itself, and refuse all else."""

    def refuse(*_: Any, **__: Any) -> None:
        raise NeedsDatabaseError

    connection.connect = refuse
    connection.pg_version = POSTGRES


def applied(loader: Any, heads: Mapping[str, str]) -> tuple[set[tuple[str, str]], list[str]]:
    """What a database with these heads has, and the heads that are newer than the image."""
    ahead = sorted(f"{app}.{name}" for app, name in heads.items() if app in loader.migrated_apps - _apps(loader, heads))
    done = {
        key for key in loader.disk_migrations if f"{key[0]}.{heads.get(key[0])}" in ahead and key[1] < heads[key[0]]
    }
    done |= {key for head in heads.items() if head in loader.graph.nodes for key in loader.graph.forwards_plan(head)}
    before = -1
    while len(done) > before:  # a squashed migration and all that it stands for are one
        before = len(done)
        for key, migration in loader.disk_migrations.items():
            stands_for = set(migration.replaces)
            if key in done or (stands_for and stands_for <= done):
                done |= {key, *stands_for}
    return done, ahead


def _apps(loader: Any, heads: Mapping[str, str]) -> set[str]:
    """Apps whose head is in the image."""
    return {app for app, name in heads.items() if (app, name) in loader.disk_migrations}


class Editor:
    """Django's schema editor, that writes SQL down instead of running it."""

    def __init__(self, connection: Any) -> None:
        self.editor = connection.SchemaEditorClass(connection, collect_sql=True, atomic=False)
        self.editor.deferred_sql = []
        self.editor._constraint_names = self._constraint_names  # noqa: SLF001 - it would ask the database
        connection.ops.compose_sql = lambda sql, params: sql % tuple(map(self.editor.quote_value, params or ()))

    def _constraint_names(self, model: Any, column_names: Iterable[str] | None = None, **_: Any) -> list[str]:
        columns = "_".join(column_names or ())
        return [f"{model._meta.db_table}_{columns}_as_named_there"]  # noqa: SLF001 - Django's own word for it

    def take(self) -> list[str]:
        """The statements since the last call, one each."""
        import sqlparse  # noqa: PLC0415 - comes with Django

        collected, self.editor.collected_sql = self.editor.collected_sql, []
        return [each for sql in collected for each in sqlparse.split(sql) if each.strip(" ;\n")]

    def finish(self) -> list[str]:
        """What has been put off to the end of the migration."""
        for sql in self.editor.deferred_sql:
            self.editor.execute(sql, None)
        return self.take()


def described(migration: Any, state: Any, connection: Any, created: set[tuple[str, str]]) -> dict[str, Any]:
    """One migration; `state` is the project before it, and is moved on to after it.

    `created` are the models that no code has used yet, so that nothing done to them can be a contraction.
    """
    app, editor = migration.app_label, Editor(connection)
    statements: list[dict[str, Any]] = []
    unknown: list[str] = []
    contractions = []
    for operation in migration.operations:
        about, model = str(operation.describe()), (app, _model(operation))
        if type(operation).__name__ == "CreateModel":
            created.add(model)
        reason = "" if model in created else contracting(operation, app, state, connection)
        contractions += [reason] if reason else []
        wider = type(operation).__name__ == "AlterField" and widens(operation, app, state, connection)
        before = state.clone()
        operation.state_forwards(app, state)
        try:
            _write(operation, app, editor, (before, state))
        except NeedsDatabaseError:
            unknown.append(about)
        statements += [{"sql": sql, "of": about, "widens": wider} for sql in editor.take()]
    statements += [{"sql": sql, "of": "at the end", "widens": False} for sql in editor.finish()]
    return {
        "label": label(migration),
        "atomic": bool(migration.atomic),
        "contractions": contractions,
        "waivers": {str(key): str(why) for key, why in getattr(migration, "waivers", {}).items()},
        "statements": statements,
        "unknown": unknown,
    }


def _model(operation: Any) -> str:
    """The model that an operation is about; empty if it is about none."""
    return str(getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower()


def _write(operation: Any, app: str, editor: Editor, states: tuple[Any, Any]) -> None:
    """Have the editor write the SQL of an operation, if it has any. Raises NeedsDatabaseError."""
    if any(each.__name__ == "CreateExtension" for each in type(operation).__mro__):  # it asks first
        editor.editor.execute(f'CREATE EXTENSION IF NOT EXISTS "{operation.name}"', None)
    elif all(each.reduces_to_sql for each in _steps(operation)):
        operation.database_forwards(app, editor.editor, *states)
    else:  # Python, which is not run here
        raise NeedsDatabaseError


def _steps(operation: Any) -> list[Any]:
    """The operation, and those that it is made of."""
    return [operation, *(each for part in getattr(operation, "database_operations", ()) for each in _steps(part))]


def pending(heads: Mapping[str, str]) -> dict[str, Any]:
    """The migrations that a database with these heads lacks, in the order in which they would run."""
    from django.db import connection  # noqa: PLC0415 - Django is the project's, known once it is set up
    from django.db.migrations import loader as loading  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    if connection.vendor != "postgresql":
        return {"problem": f"the site's database must be PostgreSQL (got {connection.vendor})", "migrations": []}
    without_database(connection)
    whole = loading.MigrationLoader(None, ignore_no_migrations=True, replace_migrations=False)
    done, ahead = applied(whole, heads)

    class Recorder:
        """Tells what the ledger says."""

        def __init__(self, _connection: Any) -> None: ...

        def applied_migrations(self) -> dict[tuple[str, str], Any]:
            return dict.fromkeys(sorted(done))

    loading.MigrationRecorder = Recorder
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    wanted = [migration for migration, _ in executor.migration_plan(leaves)]
    state = executor._create_project_state()  # noqa: SLF001 - as Django's own command does
    told, created = [], set[tuple[str, str]]()
    for migration, _ in executor.migration_plan(leaves, clean_start=True):
        if migration in wanted:
            told.append(described(migration, state, connection, created))
        else:
            state = migration.mutate_state(state, preserve=False)
    return {"problem": "", "ahead": ahead, "migrations": told}


def main() -> None:
    heads = json.load(sys.stdin)["heads"]
    told: dict[str, Any] = {"packages": packages(), "problem": "", "ahead": [], "migrations": []}
    if heads is not None:
        stand_in_for_secrets(os.environ)
        sys.path.insert(0, str(Path.cwd()))
        try:
            import django  # noqa: PLC0415

            django.setup()
            told |= pending(heads)
        except Exception as error:  # noqa: BLE001 - whatever the project raises is told in the same way
            told["problem"] = f"{type(error).__name__}: {error}".strip()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
