"""The site's migrations, once: under an advisory lock, never blocking a reader for long, and on record.

Runs in the project's own image, and release commands after it. Prints progress, then a record as JSON in one line:
    {"applied": ["app.0002_name", …], "heads": {"app": "0002_name", …}, "contracting": {"app.0002_name": "why"}}
`contracting` is of all that the database has, as a deployment that failed may have applied what no record tells of.
A failure ends with the migration's name and the database's own words. Ten at once run it once; the others find it done.
"""

import argparse
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stack_commands import run_all

LOCK_KEY = 0x64736D67
"""Key of the advisory lock, "dsmg"; the same for everyone who migrates this database."""
LOCK_NOT_AVAILABLE = "55P03"
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0

EXPANDING = {
    "AddConstraintNotValid", "AddField", "AddIndex", "AddIndexConcurrently", "AlterModelManagers", "AlterModelOptions",
    "CreateExtension", "CreateModel", "RemoveIndex", "RemoveIndexConcurrently", "RenameIndex", "ValidateConstraint",
}  # fmt: skip
"""Operations after which the code of the release before still runs."""

UNOBTRUSIVE = {"AddIndexConcurrently", "RemoveIndexConcurrently", "ValidateConstraint"}
"""Operations behind which nobody waits, however long they do. Cut short, they leave an index that is not valid."""


def contraction(migration: Any, state: Any = None, connection: Any = None) -> str:
    """Why the code before this migration may not run after it; empty if it does.

    `state` is the project before it, and is moved on to after it. Without one no field is known to be altered in
    words alone.
    """
    reason = ""
    for operation in migration.operations:
        reason = reason or contracting(operation, migration.app_label, state, connection)
        if state is not None:
            operation.state_forwards(migration.app_label, state)
    return reason


def contracting(operation: Any, app_label: str, state: Any = None, connection: Any = None) -> str:
    """The same for one operation; `state` is the project before it."""
    names = [each.__name__ for each in type(operation).__mro__]
    name = "CreateExtension" if "CreateExtension" in names else names[0]  # each of PostgreSQL's has a class of its own
    if name == "AddField" and not _has_default(operation.field):
        return f"AddField {operation.model_name}.{operation.name} without a database default"
    if name in EXPANDING or getattr(operation, "elidable", False):
        return ""
    if name == "AlterField" and state is not None and widens(operation, app_label, state, connection):
        return ""
    target = getattr(operation, "model_name", "") or getattr(operation, "name", "")
    return f"{name} {target}".strip()


def widens(operation: Any, app_label: str, state: Any, connection: Any) -> bool:
    """An AlterField after which the column takes all that it took, and has the same rules; its rows stay as they are.

    An index may come or go.
    """
    model = state.models.get((app_label, operation.model_name_lower))
    if model is None or operation.name not in model.fields:
        return False
    old, new = (each.clone() for each in (model.fields[operation.name], operation.field))
    for field in (old, new):
        field.set_attributes_from_name(operation.name)
    if old.remote_field or new.remote_field:
        return _told(old) == _told(new)
    names = ("db_default", "db_collation", "expression")
    options = [[str(getattr(each, name, None)) for name in names] for each in (old, new)]
    rules = [(each.column, each.null, each.unique, each.primary_key, each.db_check(connection)) for each in (old, new)]
    return (
        options[0] == options[1] and rules[0] == rules[1] and _takes(old.db_type(connection), new.db_type(connection))
    )


def _told(field: Any) -> tuple[Any, ...]:
    """What a field is made from, without what no database hears of."""
    _, path, arguments, options = field.deconstruct()
    unheard = {*field.non_db_attrs, "default", "db_index"}
    return path, arguments, {key: str(value) for key, value in options.items() if key not in unheard}


def _takes(old: str, new: str) -> bool:
    """Every value of the old type is one of the new type, in the very same bytes."""
    sizes = [re.fullmatch(r"varchar\((\d+)\)", each) for each in (old, new)]
    if old == new or (new in ("text", "varchar") and (sizes[0] or old == "varchar")):
        return True
    return bool(sizes[0] and sizes[1] and int(sizes[0][1]) <= int(sizes[1][1]))


def _has_default(field: Any) -> bool:
    """Rows that the old code inserts get a value."""
    from django.db.models import NOT_PROVIDED  # noqa: PLC0415 - Django is the project's, known once it is set up

    return bool(field.null or field.many_to_many or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED)


@contextmanager
def alone(connection: Any) -> Iterator[None]:
    """Hold the advisory lock. It belongs to this session: a process that dies lets go of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
        if not cursor.fetchone()[0]:
            print("migrate: waiting for another migration of this database to end", flush=True)
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])


def longest_wait(migration: Any, seconds: float) -> float:
    """Seconds that a migration's statements may wait for a lock; 0 is as long as it takes."""
    names = {type(operation).__name__ for operation in migration.operations}
    return 0 if names and names <= UNOBTRUSIVE else seconds


class Progress:
    """Which migration is being applied, and which have been."""

    def __init__(self) -> None:
        self.current: Any = None
        self.applied: list[Any] = []
        self.on_start: Callable[[Any], None] = lambda _: None
        """Is told of a migration before it begins."""

    def __call__(self, action: str, migration: Any = None, fake: bool = False) -> None:  # noqa: ARG002 - Django's form
        if action == "apply_start":
            self.current = migration
            self.on_start(migration)
            print(f"migrate: applying {migration.app_label}.{migration.name}", flush=True)
        elif action == "apply_success":
            self.applied.append(migration)
            self.current = None


def migrate(connection: Any, progress: Progress, lock_timeout_seconds: float) -> None:
    """Apply what is not applied. No statement waits longer than that for a lock, so that no reader waits behind it."""
    from django.apps import apps  # noqa: PLC0415
    from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    progress.current = None
    progress.on_start = lambda migration: _limit_waits(connection, longest_wait(migration, lock_timeout_seconds))
    _limit_waits(connection, lock_timeout_seconds)
    executor = MigrationExecutor(connection, progress)
    conflicts = executor.loader.detect_conflicts()
    if conflicts:
        names = "; ".join(f"{app}: {', '.join(sorted(leaves))}" for app, leaves in conflicts.items())
        sys.exit(f"migrate: each app must have one last migration (got {names}). Run manage.py makemigrations --merge.")
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    state = executor._create_project_state(with_applied_migrations=True)  # noqa: SLF001 - as Django's own command does
    emit_pre_migrate_signal(0, False, connection.alias, stdout=sys.stdout, apps=state.apps, plan=plan)
    state = executor.migrate(executor.loader.graph.leaf_nodes(), plan=plan, state=state.clone())
    state.clear_delayed_apps_cache()
    emit_post_migrate_signal(0, False, connection.alias, stdout=sys.stdout, apps=apps, plan=plan)


def _limit_waits(connection: Any, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(seconds * 1000)}ms"])


def with_patience(connection: Any, progress: Progress, tries: int, lock_timeout_seconds: float) -> None:
    """Try again, later each time, while somebody holds a lock that a migration needs. Raises the last error.

    Not a migration that is no transaction: what it has done already would fail the second time.
    """
    wait = FIRST_WAIT_SECONDS
    for left in reversed(range(tries)):
        try:
            migrate(connection, progress, lock_timeout_seconds)
        except Exception as error:
            whole = getattr(progress.current, "atomic", True)
            if sqlstate(error) != LOCK_NOT_AVAILABLE or not left or not whole:
                raise
            name = label(progress.current)
            print(f"migrate: {name} did not get a lock in {lock_timeout_seconds:g} s; again in {wait:g} s", flush=True)
            time.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)
        else:
            return


def sqlstate(error: BaseException | None) -> str:
    """PostgreSQL's five letters for what went wrong, from whichever exception carries them."""
    while error is not None:
        code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if code:
            return str(code)
        error = error.__cause__
    return ""


def label(migration: Any) -> str:
    """`app.0002_name`."""
    return f"{migration.app_label}.{migration.name}" if migration else "the migrations"


def record(connection: Any, progress: Progress) -> dict[str, object]:
    """What the ledger keeps of it."""
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    loader = MigrationLoader(connection)
    known = [loader.disk_migrations[key] for key in sorted(loader.applied_migrations) if key in loader.disk_migrations]
    told = contractions(loader, connection)
    found = {label(each): told[label(each)] if label(each) in told else contraction(each) for each in known}
    return {
        "applied": [label(migration) for migration in progress.applied],
        "heads": dict(sorted(loader.applied_migrations)),
        "contracting": {name: reason for name, reason in found.items() if reason},
    }


def contractions(loader: Any, connection: Any) -> dict[str, str]:
    """Every migration of the project by label, with why it is a contraction."""
    from django.db.migrations.state import ProjectState  # noqa: PLC0415

    state = ProjectState(real_apps=loader.unmigrated_apps)
    order = loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True)  # noqa: SLF001 - as project_state does
    nodes = [loader.graph.nodes[key] for key in order]
    return {label(each): contraction(each, state, connection) for each in nodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--lock-timeout", type=float, default=2.0, help="seconds that a statement may wait for a lock")
    parser.add_argument("commands", nargs="*", help="release commands to run afterwards")
    arguments = parser.parse_args()
    sys.path[0] = str(Path.cwd())  # the project's modules, and none of the stack's

    import django  # noqa: PLC0415
    from django.db import connection, connections  # noqa: PLC0415

    django.setup()
    # What cannot even be loaded must not touch the database.
    importlib.import_module(os.environ["WSGI_APPLICATION"].partition(":")[0])
    progress = Progress()
    try:
        with alone(connection):
            with_patience(connection, progress, arguments.tries, arguments.lock_timeout)
            print(json.dumps(record(connection, progress)), flush=True)
    except Exception as error:  # noqa: BLE001 - whatever a migration raises is told in the same way
        cause = f"{type(error).__name__}: {error}".strip()
        sys.exit(
            f"migrate: {label(progress.current)} failed ({cause}) [{sqlstate(error) or 'no SQL error'}]."
            " The release before goes on serving. Correct the migration and deploy again."
        )
    run_all(arguments.commands, connections.close_all)


if __name__ == "__main__":
    main()
