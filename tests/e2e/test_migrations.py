"""Ten deployments at once migrate the database once."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

AT_ONCE = 10
NAME = "0002_ten_at_once"
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("timebank", "0001_initial")]
    operations = [migrations.RunSQL("INSERT INTO runs VALUES (1); SELECT pg_sleep(3)")]
"""
"""Not safe to repeat, and long enough for all the others to come meanwhile."""


@pytest.fixture
def migration(dev: Deployment, tmp_path: Path) -> Iterator[Path]:
    """A migration that counts how often it runs; the database is as before afterwards."""
    path = tmp_path / f"{NAME}.py"
    path.write_text(MIGRATION)
    path.chmod(0o644)
    dev.sql("CREATE TABLE runs (n int); ALTER TABLE runs OWNER TO site")
    yield path
    dev.sql("DROP TABLE runs; DELETE FROM django_migrations WHERE name LIKE '%_ten_at_once'")


def at_once(dev: Deployment, migration: Path, *command: str) -> list[subprocess.CompletedProcess[str]]:
    """Ten containers of the site's image and settings, each with the migration, that run a command."""
    web = dev.containers("web")[0]
    mounts = [f"{each['Name']}:{each['Destination']}:ro" for each in web.attrs["Mounts"] if each["Type"] == "volume"]
    mounts.append(f"{migration}:/app/timebank/migrations/{migration.name}:ro")
    words = ["docker", "run", "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", f"--network={dev.prefix}-data"]
    words += [f"--label=django-stack.stack={dev.prefix}"]
    words += [f"--volume={mount}" for mount in mounts] + [f"--env={value}" for value in web.attrs["Config"]["Env"]]

    def run(number: int) -> subprocess.CompletedProcess[str]:
        named = [*words, f"--name={dev.prefix}-migrate-{number}", web.attrs["Config"]["Image"], *command]
        return subprocess.run(named, text=True, capture_output=True, check=False, timeout=300)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def test_ten_at_once_run_a_migration_once(dev: Deployment, migration: Path) -> None:
    """One applies it, nine find it done, and all succeed."""
    runs = at_once(dev, migration, "python", "/opt/stack/migrate.py")
    assert [run.returncode for run in runs] == [0] * AT_ONCE, [run.stderr[-500:] for run in runs]
    applied = [json.loads(run.stdout.splitlines()[-1])["applied"] for run in runs]
    assert sorted(applied) == [[]] * (AT_ONCE - 1) + [[f"timebank.{NAME}"]]
    assert dev.sql("SELECT count(*) FROM runs") == "1"


def test_without_the_lock_it_runs_more_than_once(dev: Deployment, migration: Path) -> None:
    """The control: Django's own command takes no lock."""
    at_once(dev, migration, "python", "manage.py", "migrate", "--noinput")
    assert int(dev.sql("SELECT count(*) FROM runs")) > 1
