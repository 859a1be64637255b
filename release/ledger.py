"""What the release ledger says of a release. Its format is in images/python/ledger.py."""

import getpass
import json
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from release import proof
from release.docker_cli import Docker, inspect
from release.plan import Plan

MIGRATED = '{"applied"'
"""Begins the line in which images/python/migrate.py says what it has done."""
ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "SUDO_USER")
"""Variables in which automation names the person behind a run."""


def record(
    docker: Docker,
    plan: Plan,
    *,
    result: str,
    report: dict[str, Any],
    reason: str,
    healthy_to_live: float | None = None,
) -> dict[str, Any]:
    """A record of what has just happened, before it is chained."""
    image = plan.record["image"]
    digest = docker("image", "inspect", "--format={{.Id}}", image, check=False).strip()
    return (
        plan.record
        | migrations(os.environ.get("RELEASE_MIGRATED", ""))
        | {"static": static(os.environ.get("RELEASE_PUBLISHED", ""))}
        | {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": who(),
            "commit": commit(plan.source),
            "release": plan.release,
            "replicas": len(plan.replicas),
            "strategy": plan.strategy.kind,
            "image_digest": digest,
            "edge": plan.edge,
            "proof": report | {"verdict": proof.verdict(report)},
            "healthy_to_live_seconds": healthy_to_live,
            "result": result,
            "reason": reason,
        }
    )


def healthy_to_live(docker: Docker, joining: Sequence[str], moved: datetime | None) -> float | None:
    """Seconds between the first good health check of the last replica that joins and the move of the traffic.

    None if that is not known, and where none joins.
    """
    first = []
    for found in inspect(docker, joining):
        probes = (found["State"].get("Health") or {}).get("Log") or []
        good = [datetime.fromisoformat(probe["End"]) for probe in probes if probe["ExitCode"] == 0]
        first += [min(good)] if good else []
    return round((moved - max(first)).total_seconds(), 2) if moved and first else None


def migrations(printed: str) -> dict[str, Any]:
    """The record of the migration step, out of all that it printed."""
    lines = [line for line in printed.splitlines() if line.startswith(MIGRATED)]
    return {"migrations": json.loads(lines[-1]) if lines else {"applied": [], "heads": {}, "contracting": {}}}


def static(printed: str) -> dict[str, Any] | None:
    """How many static files were published, and the hash over them; None if that is not known."""
    lines = [line for line in printed.splitlines() if line.startswith('{"files"')]
    return json.loads(lines[-1]) if lines else None


def kept(records: Sequence[Mapping[str, Any]], keep: int) -> list[Mapping[str, Any]]:
    """The newest record of each of the last `keep` releases that were live, the live one last."""
    newest: dict[str, Mapping[str, Any]] = {}
    for each in records:
        if each["result"] == "live":
            newest.pop(each["release"], None)
            newest[each["release"]] = each
    return list(newest.values())[-keep:]


def who() -> str:
    """Person, and machine, as far as they are known."""
    person = next((os.environ[name] for name in ACTORS if os.environ.get(name)), "") or _user()
    return f"{person}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name; which of them depends on Python's version
        return str(os.getuid())


def commit(folder: str) -> str:
    """The commit of a folder, with a mark when there is more than that in its repository."""
    head = _git(folder, "rev-parse", "HEAD")
    return head + ("+changes" if head and _git(folder, "status", "--porcelain") else "")


def _git(folder: str, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", folder, *words], text=True, capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
