"""Migrations before replicas start, where there are any to apply; else these need not wait.

What the image has is in a file that its build wrote; what the database has, it says itself. The look is a hint: the
step beside the start of the replicas runs the project's own migrations and release commands in any case, before the
release takes traffic.
"""

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from release import psql
from release.docker_cli import Docker
from release.errors import DockerError
from release.ledger import MIGRATED

LIST = "/srv/build/migrations.json"
"""In the image: `app.name` of every migration of the project, as a JSON list. Written by images/python/collect.py."""
_APPLIED = "SELECT coalesce(json_agg(app || '.' || name), '[]') FROM django_migrations;"


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Where the migrations of an image and of a database are to be found."""

    prefix: str
    image: str
    postgres: str
    """Container of PostgreSQL."""
    database: str


def nothing_to_apply(docker: Docker, schema: Schema) -> bool:
    """Whether the database has every migration of the image for certain."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        wanted, applied = pool.submit(_of_image, docker, schema), pool.submit(_of_database, docker, schema)
        known, there = wanted.result(), applied.result()
    return known is not None and there is not None and known <= there


def migrate_first(
    docker: Docker,
    schema: Schema,
    *,
    commands: str,
    told_before: str,
    run: Callable[[], None],
    tell: Callable[[str], None],
) -> None:
    """Run migrations and release commands now, unless the former are applied and the latter are those of before.

    `commands` tells release commands apart; `told_before` is what this step said when it last succeeded.
    Raises StepError.
    """
    if _same_commands(commands, told_before) and nothing_to_apply(docker, schema):
        tell("the database has all migrations of the image, so replicas start at once")
    else:
        run()
    tell(_said(commands))


def is_done(told: str) -> bool:
    """Whether migrations and release commands have run already, by what that step said."""
    return any(line.startswith(MIGRATED) for line in told.splitlines())


def _said(commands: str) -> str:
    return f"release commands {commands}"


def _same_commands(commands: str, told_before: str) -> bool:
    return _said(commands) in told_before.splitlines()


def _of_image(docker: Docker, schema: Schema) -> set[str] | None:
    """None if its build could not list them."""
    name = f"{schema.prefix}-migrations"
    docker("rm", "--force", name, check=False)
    labels = [f"--label=django-stack.stack={schema.prefix}"]
    try:
        if not docker("create", "--pull=never", f"--name={name}", *labels, schema.image, "true", check=False):
            return None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "migrations.json"
            docker("cp", f"{name}:{LIST}", str(file), check=False)
            return _names(file.read_text(encoding="utf-8")) if file.is_file() else None
    finally:
        docker("rm", "--force", name, check=False)


def _of_database(docker: Docker, schema: Schema) -> set[str] | None:
    """None if nothing was ever migrated, or it does not answer."""
    try:
        return _names(psql.ask(docker, schema.postgres, _APPLIED, database=schema.database))
    except DockerError:
        return None


def _names(text: str) -> set[str] | None:
    try:
        names = json.loads(text)
    except ValueError:
        return None
    return set(names) if isinstance(names, list) else None
