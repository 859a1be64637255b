"""What is on record of a release: who, when, from what, and how it went."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from release import ledger
from release.ledger import healthy_to_live, kept, migrations
from tests.unit.release.fake_docker import FakeDocker
from tests.unit.release.plans import NEW, PLAN, replicas
from tests.unit.release.stage import RAN


@pytest.fixture
def docker() -> FakeDocker:
    """The new replicas, healthy, and their image."""
    docker = FakeDocker(*replicas(NEW, 2))
    docker.answer("image inspect", "sha256:d\n")
    return docker


def recorded(docker: FakeDocker) -> dict[str, Any]:
    """The record of a release that went live."""
    return ledger.record(docker, PLAN, result="live", report=RAN, reason="", healthy_to_live=0.88)


def test_a_record_has_all_that_a_rollback_and_a_reader_need(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every field of the format."""
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    monkeypatch.setattr("socket.gethostname", lambda: "ci")
    monkeypatch.setattr(ledger, "commit", lambda _: "c0ffee")
    monkeypatch.setenv("RELEASE_MIGRATED", '{"applied": ["a.1"], "heads": {"a": "1"}, "contracting": {}}')
    monkeypatch.setenv("RELEASE_PUBLISHED", 'a word\n{"files": 3, "sha256": "5a"}\n')
    record = recorded(docker)
    assert datetime.fromisoformat(record.pop("time")).tzinfo == UTC
    assert record == PLAN.record | {
        "who": "ann@ci",
        "commit": "c0ffee",
        "release": NEW,
        "replicas": 2,
        "strategy": "blue-green",
        "image_digest": "sha256:d",
        "edge": "eeeeeeeeee",
        "migrations": {"applied": ["a.1"], "heads": {"a": "1"}, "contracting": {}},
        "static": {"files": 3, "sha256": "5a"},
        "proof": RAN | {"verdict": "not proven"},
        "healthy_to_live_seconds": 0.88,
        "result": "live",
        "reason": "",
    }


def test_the_documentation_has_every_field_of_a_record(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that chain it."""
    monkeypatch.setattr(ledger, "commit", lambda _: "c0ffee")
    text = (Path(__file__).parents[3] / "docs" / "releases.md").read_text()
    table = text.partition("## The ledger")[2].partition("\n## ")[0]
    missing = [name for name in (*recorded(docker), "number", "previous", "hash") if f"`{name}`" not in table]
    assert missing == []


def test_the_time_from_healthy_to_live_is_that_of_the_last_replica_that_joins(docker: FakeDocker) -> None:
    """Not known where none joins, the traffic has not moved, or nobody was ever healthy."""
    first, last = PLAN.replicas
    docker.containers[last].probed = "2026-11-24T10:00:00.9Z"
    moved = datetime(2026, 11, 24, 10, 0, 1, tzinfo=UTC)
    assert healthy_to_live(docker, [first], moved) == 0.88
    assert healthy_to_live(docker, [first, last], moved) == 0.1
    assert healthy_to_live(docker, [], moved) is None
    assert healthy_to_live(docker, [first], None) is None
    docker.containers[first].health = "starting"
    assert healthy_to_live(docker, [first], moved) is None


@pytest.mark.parametrize(
    ("printed", "applied"),
    [
        ("", []),
        ("migrate: applying a.1\n", []),
        ('migrate: applying a.1\n{"applied": ["a.1"], "heads": {}, "contracting": {}}\nseeded\n', ["a.1"]),
    ],
)
def test_the_record_of_the_migrations_is_a_line_of_what_they_printed(printed: str, applied: list[str]) -> None:
    """Release commands print after it."""
    found = migrations(printed)["migrations"]
    assert found["applied"] == applied
    assert found.keys() == {"applied", "heads", "contracting"}


def test_a_release_is_kept_by_its_last_time_live() -> None:
    """One that failed is not, nor one that too many have followed."""
    results = [("a", "live"), ("b", "live"), ("c", "failed"), ("a", "live"), ("d", "live")]
    records = [{"number": n, "release": name, "result": result} for n, (name, result) in enumerate(results, 1)]
    assert [each["number"] for each in kept(records, 5)] == [2, 4, 5]
    assert [each["release"] for each in kept(records, 2)] == ["a", "d"]


@pytest.mark.parametrize(
    ("variables", "person"),
    [
        ({"GITHUB_ACTOR": "ann", "SUDO_USER": "bob"}, "ann"),
        ({"GITLAB_USER_LOGIN": "eve"}, "eve"),
        ({"SUDO_USER": "bob", "GITHUB_ACTOR": ""}, "bob"),
        ({}, "me"),
    ],
)
def test_automation_says_who_is_behind_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], person: str
) -> None:
    """Else it is the user."""
    for name in ledger.ACTORS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    assert ledger.who().partition("@")[0] == person


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container."""

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr("getpass.getuser", unknown)
    monkeypatch.setattr("os.getuid", lambda: 4242)
    assert ledger._user() == "4242"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_says_whether_there_is_more_than_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the site's own folder; nothing is said where there is no repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert ledger.commit(str(tmp_path)) == ""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=x")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert ledger.commit(str(tmp_path)) == head
    (tmp_path / "new").touch()
    assert ledger.commit(str(tmp_path)) == f"{head}+changes"
