"""What seeds a new database: declared only where there is a seed, with no more rights than the site has."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.gunicorn import Gunicorn, GunicornArgs
from components.seed import _RESTORE, Seed
from release.plan import Seeding, read_seeding
from tests.unit.components.around import GUNICORN, around
from tests.unit.recording import Declarations, record

SEED = Seed(image="shop-prod/postgres:1", commands=("python manage.py loaddata demo",))
DUMP = Seed(image="shop-prod/postgres:1", dump="masked.dump", checks=("SELECT 'a b'",))


def declare(seed: Seed | None, **changes: Any) -> Declarations:
    """A release with this seed."""
    return record(lambda: Gunicorn("web", GunicornArgs(**GUNICORN | around() | {"seed": seed} | changes)))


def seeding(declarations: Declarations) -> Seeding:
    """What the step is told."""
    environment = declarations.all["Command web-seed"].inputs["environment"]
    return read_seeding(environment["SEED_PLAN"])


def test_without_a_seed_there_is_no_step() -> None:
    """Most stacks have none."""
    assert "Command web-seed" not in declare(None).all


def test_migrations_wait_for_the_seed_and_the_release_has_the_same_name() -> None:
    """A seed is in no container that serves."""
    seeded, plain = declare(SEED), declare(None)
    assert "Command web-seed" in str(seeded.all["Command web-migrate"].depends_on)
    assert "postgres" in str(seeded.all["Command web-seed"].depends_on)
    assert seeded.all["Gunicorn web"].outputs["release"] == plain.all["Gunicorn web"].outputs["release"]
    assert (
        seeded.all["Command web-seed"]
        .inputs["create"]
        .endswith(f"-m release seed shop-prod {seeded.all['Gunicorn web'].outputs['release']}")
    )


def test_commands_run_in_the_new_image_after_its_migrations_on_a_draft() -> None:
    """As the migrations are run, and without the release commands."""
    plan = seeding(declare(SEED))
    assert (plan.database, plan.draft, plan.dump, plan.restore) == ("site", "site_draft", "", ())
    assert {"--name=shop-prod-seed", "--env=DATABASE_NAME=site_draft", "--network=shop-prod-data"} <= {*plan.fill}
    image = plan.fill.index("shop-prod/web:0123456789ab")
    migrate = ("python", "/opt/stack/migrate.py", "--lock-timeout=2")
    assert tuple(plan.fill[image + 1 :]) == (*migrate, "--", "python manage.py loaddata demo")


def test_a_dump_is_restored_as_the_site_with_nothing_but_the_secrets() -> None:
    """Not as a superuser: a dump may do what the site may."""
    plan = seeding(declare(DUMP))
    assert plan.dump == "masked.dump"
    words = {*plan.restore}
    assert {"--interactive", "--name=shop-prod-restore", "--user=10001:10000", "--env=PGDATABASE=site_draft"} <= words
    assert {word for word in words if word.startswith(("--volume=", "--network="))} == {
        "--volume=shop-prod-secrets-1:/run/secrets:ro",
        "--network=shop-prod-data",
    }
    assert plan.restore[-1] == "SELECT 'a b'"
    assert "PGPASSWORD=" not in " ".join(word for word in plan.restore if word.startswith("--env"))


# What restores a dump, with the programs that it calls replaced


def restored(folder: Path, *words: str, found: str = "f", broken: str = "") -> tuple[int, list[str], str]:
    """Exit code, what was called with which input, and errors; psql finds this, and one program may be broken."""
    (folder / "password").write_text("secret word")
    for program in ("psql", "pg_restore"):
        note = f'printf "%s|%s|%s\\n" {program} "$PGPASSWORD" "$(cat)" >> notes; '
        answer = f'case "$*" in *SELECT*) echo {found}; ;; esac; ' + ("exit 3" if program == broken else "exit 0")
        (folder / program).write_text(f"#!/bin/sh\n{note}{answer}\n")
        (folder / program).chmod(0o755)
    script = _RESTORE.replace("/run/secrets/database_password", "password")
    done = subprocess.run(
        ["sh", "-ec", script, "restore", *words],
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "PGDATABASE": "site_draft"},
        input="the dump",
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode, (folder / "notes").read_text().splitlines(), done.stderr


@pytest.mark.parametrize(("kind", "program"), [("plain", "psql"), ("custom", "pg_restore")])
def test_a_dump_is_restored_by_what_knows_its_format(tmp_path: Path, kind: str, program: str) -> None:
    """From standard input, with the password out of its file; then each check is asked."""
    assert restored(tmp_path, kind) == (0, [f"{program}|secret word|the dump"], "")
    (tmp_path / "notes").unlink()
    code, called, _ = restored(tmp_path, "SELECT 1", "SELECT 'a b'", kind)
    assert (code, called) == (0, [f"{program}|secret word|the dump", *["psql|secret word|"] * 2])


def test_a_dump_with_what_must_not_be_in_it_is_refused(tmp_path: Path) -> None:
    """By the first check that finds something; what it found is not told."""
    code, called, told = restored(tmp_path, "SELECT 1", "SELECT 2", "plain", found="t")
    assert (code, len(called)) == (1, 2)
    assert told == (
        "seedChecks: must find no row in the dump (got at least one): SELECT 1. Mask the dump, or correct the query.\n"
    )


@pytest.mark.parametrize(("kind", "broken"), [("plain", "psql"), ("custom", "pg_restore")])
def test_a_dump_that_cannot_be_restored_is_not_checked(tmp_path: Path, kind: str, broken: str) -> None:
    """What failed has said why."""
    code, called, _ = restored(tmp_path, "SELECT 1", kind, broken=broken)
    assert (code, len(called)) == (3, 1)
