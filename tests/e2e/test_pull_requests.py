"""Environments of pull requests, side by side and beside a stack that somebody made: seeded, kept, and gone."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.deployment import PASSPHRASE, Clone, Deployment

pytestmark = pytest.mark.e2e

PAGE = "sample/templates/timebank/home.html"
DUMP = "masked.sql"

TEMPLATE = """\
config:
  e2e:siteHosts: ["pr-{number}.example.com"]
  e2e:httpPort: "{18100+number}"
  e2e:httpsPort: 0
  e2e:publishAddress: 127.0.0.1
  e2e:webReplicas: 1
  e2e:webMemoryMb: 320
  e2e:postgresMemoryMb: 256
  e2e:bakeSeconds: 0
  e2e:imagesFrom: debian
"""
MEMBER = "INSERT INTO timebank_member (name, offers, emblem, balance_minutes) VALUES ('{}', 'x', 'bee', 0)"
PEOPLE = "CREATE TABLE people (email text); INSERT INTO people VALUES ('ann@example.com');\n"


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Environments of pull requests beside a stack that somebody made."""

    dev: Deployment

    @property
    def clone(self) -> Clone:
        return self.dev.clone

    def template(self, port: str = "18100", **seed: Any) -> None:
        """Have the code say where environments are, and what new databases begin with."""
        ca = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ""
        given = {"buildCaFile": ca} if Path(ca).is_file() else {}
        lines = [f"  e2e:{key}: {json.dumps(value)}\n" for key, value in (given | seed).items()]
        text = TEMPLATE.replace("18100", port) + "".join(lines)
        (self.clone.path / "Pulumi.pr.yaml").write_text(text)

    def ops(self, *words: str, code: int = 0) -> str:
        """What `./ops pull-request` prints."""
        done = self.clone.run("./ops", "pull-request", *words, env=os.environ | PASSPHRASE)
        assert done.returncode == code, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def environment(self, number: int) -> Deployment:
        return Deployment(
            clone=self.clone,
            stack=f"pr-{number}",
            port=18100 + number,
            host=f"pr-{number}.example.com",
            environment=PASSPHRASE,
        )

    def traces(self, number: int) -> set[str]:
        """All that there is of a stack: on the server, in the state, among the configs."""
        prefix, client = f"e2e-pr-{number}", docker.from_env()
        names = {container.name for container in client.containers.list(all=True)}
        names |= {volume.name for volume in client.volumes.list()}
        names |= {network.name for network in client.networks.list()}
        names |= {tag.replace("/", "-", 1) for image in client.images.list() for tag in image.tags}
        found = {str(name) for name in names if str(name).startswith(f"{prefix}-")}
        state = [path for path in (self.clone.path / ".state").rglob("*") if path.name.startswith(f"pr-{number}")]
        return found | {str(path) for path in [*state, *self.clone.path.glob(f"Pulumi.pr-{number}.yaml")]}

    def erase(self) -> None:
        for number in (12, 13, 14):
            self.environment(number).erase()
            mark = f"e2e-pr-{number}-pull-request"
            subprocess.run(["docker", "volume", "rm", "--force", mark], check=True, capture_output=True)


@pytest.fixture(scope="module")
def requests(dev: Deployment) -> Iterator[Requests]:
    """Nothing of earlier ones is left, and nothing of these will be."""
    found, clone = Requests(dev=dev), dev.clone
    edited = {name: (clone.path / name).read_text() for name in ("Pulumi.pr.yaml", PAGE)}
    found.erase()
    yield found
    found.erase()
    for name, text in edited.items():
        (clone.path / name).write_text(text)
    (clone.path / DUMP).unlink(missing_ok=True)
    for config in clone.path.glob("Pulumi.pr-*.yaml"):
        config.unlink()


MEMBERS = "SELECT string_agg(name, ', ' ORDER BY name) FROM timebank_member"
RESTORED = "SELECT string_agg(email, ', ') FROM people"


def test_environments_stand_side_by_side_each_with_its_own_data(requests: Requests, tmp_path: Path) -> None:
    """One by commands, one by a dump; a seed that fails leaves no data and begins anew."""
    create = (
        "python manage.py shell -c \"from timebank.models import Member; Member.objects.create(name='Of {number}')\""
    )
    requests.template(seedCommands=[create])
    told = requests.ops("up", "12", f"--comment={tmp_path / 'comment.md'}")
    assert "pull request 12: http://pr-12.example.com:18112\n" in told
    assert (tmp_path / "comment.md").read_text().splitlines()[:2] == [
        "## Environment: http://pr-12.example.com:18112",
        "<!-- django-stack environment: e2e/pr_12 -->",
    ]
    twelve, thirteen = requests.environment(12), requests.environment(13)
    assert twelve.sql(MEMBERS) == "Of 12"

    (requests.clone.path / DUMP).write_text(PEOPLE)
    masked: dict[str, Any] = {
        "seedDump": DUMP,
        "seedChecks": ["SELECT 1 FROM people WHERE email NOT LIKE '%@example.com'"],
    }
    requests.template(**masked, seedCommands=["echo before the end; python manage.py no_such_command"])
    told = requests.ops("up", "13", code=1)
    assert "before the end" in told
    assert "Unknown command: 'no_such_command'" in told
    assert thirteen.sql("SELECT count(*) FROM pg_stat_user_tables") == "0"
    assert thirteen.sql("SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'site%'") == "site"

    requests.template(**masked, seedCommands=[create])
    requests.ops("up", "13")
    assert thirteen.sql(RESTORED) == "ann@example.com"
    assert thirteen.sql(MEMBERS) == "Of 13"
    assert [each.get("/health/").status_code for each in (twelve, thirteen, requests.dev)] == [200] * 3
    rows = [line.split()[:2] for line in requests.ops("list").splitlines()]
    assert [row[0] for row in rows] == ["NUMBER", "12", "13"]


def test_another_push_is_deployed_on_the_same_data(requests: Requests) -> None:
    """What was written meanwhile is there, and nothing is seeded again."""
    twelve = requests.environment(12)
    twelve.sql(MEMBER.format("A visitor"))
    requests.clone.edit(PAGE, "{% block", "<!-- another push -->{% block")
    requests.ops("up", "12")
    assert twelve.sql(MEMBERS) == "A visitor, Of 12"
    assert twelve.get("/health/").status_code == 200


def test_what_cannot_be_or_is_somebodys_own_is_refused_and_left(requests: Requests) -> None:
    """A port that is taken, and a stack that a person has made by that name."""
    requests.template(port=str(requests.dev.port - 14))
    told = requests.ops("up", "14", code=1)
    assert f"httpPort: 127.0.0.1:{requests.dev.port} must be free (got container e2e-dev-edge on it)." in told
    assert requests.traces(14) == set()

    (requests.clone.path / "Pulumi.pr-14.yaml").write_text("config: {}\n")
    requests.environment(14).pulumi("stack", "init", "pr-14")
    before = requests.traces(14)
    for command in ("up", "down"):
        told = requests.ops(command, "14", code=1)
        assert "stack pr-14: must be one that `./ops pull-request up 14` has made (got a stack" in told
    assert requests.traces(14) == before


def test_what_is_closed_is_gone_and_nothing_else(requests: Requests) -> None:
    """Containers, volumes, networks, images, state and config of the one; all of the others goes on."""
    thirteen, own = requests.environment(13), requests.dev
    before = [thirteen.ids(), own.ids(), requests.traces(13)]
    assert requests.traces(12)
    assert "pull request 12: taken away" in requests.ops("down", "12")
    assert requests.traces(12) == set()
    assert requests.ops("down", "12") == "pull request 12: has no environment\n"
    assert "nothing is that old" in requests.ops("prune", "--older-than=1h")
    requests.ops("prune", "--older-than=0m", "--keep-open=13")
    assert [thirteen.ids(), own.ids(), requests.traces(13)] == before
    assert thirteen.sql(MEMBERS) == "Of 13"
    assert "pull request 13: taken away" in requests.ops("prune", "--older-than=0m", "--keep-open=12,14")
    assert requests.traces(13) == set()
    assert own.ids() == before[1]
    assert own.get("/health/").status_code == 200
