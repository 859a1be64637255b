"""Fill a database that has nothing in it yet, once, and wholly or not at all.

It is filled beside itself, as a draft that takes its name when it is whole. So it is the database that says whether it
has been seeded: one with a table in it, whosever, is never touched. A seed that fails leaves nothing behind.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from release import psql
from release.docker_cli import Docker
from release.errors import StepError
from release.once import make_way, run_once
from release.plan import CUSTOM_DUMP, Seeding

_EMPTY = """\
SELECT NOT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
);
"""
_DROP = 'DROP DATABASE IF EXISTS :"draft" WITH (FORCE);\n'
_CREATE = """\
CREATE DATABASE :"draft" OWNER :"database";
REVOKE ALL ON DATABASE :"draft" FROM PUBLIC;
"""
_TAKE_OVER = """\
BEGIN;
ALTER DATABASE :"database" RENAME TO :"spare";
ALTER DATABASE :"draft" RENAME TO :"database";
ALTER DATABASE :"spare" RENAME TO :"draft";
COMMIT;
"""


def seed(docker: Docker, plan: Seeding, tell: Callable[[str], None]) -> None:
    """Fill the database if it is empty. Raises StepError with the last words of what failed."""
    for command in (plan.restore, plan.fill):
        make_way(docker, command, tell)
    if not _is_empty(docker, plan):
        tell("seed: the database has tables already, and stays as it is")
        _sql(docker, plan, _DROP)
        return
    _sql(docker, plan, _DROP + _CREATE)
    try:
        _fill(plan, tell)
        _take_over(docker, plan)
    except StepError as error:
        with suppress(StepError):
            _sql(docker, plan, _DROP)
        told = (
            f"seed: {error}\n  The database is as empty as before. Correct the seed and deploy again: it begins anew."
        )
        raise StepError(told) from None
    _sql(docker, plan, _DROP)
    tell("seed: done")


def _fill(plan: Seeding, tell: Callable[[str], None]) -> None:
    if plan.dump:
        tell(f"seed: restoring {plan.dump}")
        _restore(plan, tell)
    tell("seed: migrating and filling")
    run_once(plan.fill, tell)


def _take_over(docker: Docker, plan: Seeding) -> None:
    if not _is_empty(docker, plan):
        raise StepError("somebody has made tables in the database meanwhile")
    _sql(docker, plan, _TAKE_OVER)


def _restore(plan: Seeding, tell: Callable[[str], None]) -> None:
    try:
        with Path(plan.dump).open("rb", buffering=0) as dump:  # what reads it next begins where this has read to
            kind = "custom" if dump.read(len(CUSTOM_DUMP)) == CUSTOM_DUMP else "plain"
            dump.seek(0)
            run_once([*plan.restore, kind], tell, stdin=dump)
    except OSError as error:
        raise StepError(f"seedDump: must be a readable file (got {plan.dump}: {error.strerror})") from None


def _is_empty(docker: Docker, plan: Seeding) -> bool:
    return _sql(docker, plan, _EMPTY, database=plan.database).strip() == "t"


def _sql(docker: Docker, plan: Seeding, statements: str, *, database: str = "postgres") -> str:
    """What the server answers. Raises DockerError."""
    names = {"database": plan.database, "draft": plan.draft, "spare": f"{plan.draft}_spare"}
    return psql.ask(docker, plan.postgres, statements, database=database, variables=names)
