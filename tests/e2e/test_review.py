"""A review of a real change: the stack is up, the code gets a migration, and only the reviewed plan is let through."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

NAME = "0002_reviewed"
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("timebank", "0001_initial")]
    operations = [
        migrations.AddField("member", "remark", models.TextField(null=True)),
        migrations.AddIndex("member", models.Index(fields=["remark"], name="by_remark")),
    ]
"""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change that nobody has deployed yet, and the image that was built for it."""

    dev: Deployment
    image: str
    folder: Path
    memory_mb: int
    """Of PostgreSQL, as it is deployed."""

    def preview(self) -> Path:
        path = self.folder / "preview.json"
        path.write_text(self.dev.pulumi("preview", "--json").stdout)
        return path

    def review(self, *words: str, code: int = 0) -> str:
        """What `./ops review` prints; of a failure its complaint."""
        done = self.dev.clone.run("./ops", "review", "--stack", self.dev.stack, *words)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout

    def record(self, what: str) -> str:
        """A record of the server, as the flag that gives it to a review."""
        path = self.folder / f"{what}.json"
        path.write_text(self.review("--record", what))
        return f"--{what}={path}"


@pytest.fixture
def change(dev: Deployment, tmp_path: Path) -> Iterator[Change]:
    """A migration, and more memory for the database; all of it is taken back."""
    file = dev.clone.path / "sample" / "timebank" / "migrations" / f"{NAME}.py"
    image = f"{dev.prefix}-review/web:change"
    live = dev.containers("web")[0].attrs["Config"]["Image"]
    memory_mb = int(dev.pulumi("config", "get", "postgresMemoryMb").stdout)
    (tmp_path / file.name).write_text(MIGRATION)
    recipe = f"FROM {live}\nCOPY --chmod=0644 {file.name} /app/timebank/migrations/\n"
    (tmp_path / "Dockerfile").write_text(recipe)
    subprocess.run(["docker", "build", "--quiet", f"--tag={image}", str(tmp_path)], check=True, capture_output=True)
    try:
        file.write_text(MIGRATION)
        dev.set(postgresMemoryMb=str(memory_mb + 64))
        yield Change(dev=dev, image=image, folder=tmp_path, memory_mb=memory_mb)
    finally:
        file.unlink()
        dev.set(postgresMemoryMb=str(memory_mb))
        docker.from_env().images.remove(image, force=True)


def test_a_change_is_reviewed_and_only_that_change_is_let_through(change: Change) -> None:
    """Verdict, migrations with their SQL, what restarts; and a digest that another plan does not have."""
    before = change.dev.ids()
    records = [change.record("ledger"), change.record("capacity")]
    preview = change.preview()
    told = change.review(f"--preview={preview}", f"--image={change.image}", *records)
    lines = told.splitlines()
    assert lines[0].startswith("## Needs attention: PostgreSQL restarts")
    assert set(re.findall(r"\*\*(review\.\w+)\*\*", told)) == {"review.W004", "review.W013"}
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", told, re.MULTILINE))
    assert rows["database restart"] == "yes"
    assert rows["migrations"].startswith("1 would run since record ")
    assert rows["secrets changed"] == "none"
    assert "MiB of limits (+64)" in rows["memory"]
    assert "packages changed" in rows["image"]
    assert 'ALTER TABLE "timebank_member" ADD COLUMN "remark" text NULL;' in told
    assert 'CREATE INDEX "by_remark" ON "timebank_member" ("remark");' in told
    for key in ("djangoSecretKey", "databasePassword"):
        assert change.dev.pulumi("config", "get", key).stdout.strip() not in told + preview.read_text()

    digest = re.sub(r"</?code>", "", rows["digest of the plan"])
    again = change.preview()
    assert change.review(f"--preview={again}", "--expect-digest", digest).strip() == digest
    change.dev.set(postgresMemoryMb=str(change.memory_mb + 128))
    refused = change.review(f"--preview={change.preview()}", "--expect-digest", digest, code=1)
    assert "the plan must be the one that was reviewed" in refused
    assert change.dev.ids() == before


def test_a_preview_that_fails_is_told_in_a_comment(change: Change) -> None:
    """It was cut short, say; nothing of it may be applied."""
    whole = change.preview().read_text()
    path = change.folder / "cut.json"
    path.write_text(whole[: len(whole) // 2])
    done = change.dev.clone.run("./ops", "review", "--stack", "dev", f"--preview={path}")
    assert done.returncode == 1
    assert done.stdout.startswith("## Needs attention: preview: must be whole JSON")
    assert done.stdout.splitlines()[1] == f"<!-- django-stack review: {change.dev.clone.project}/dev -->"
