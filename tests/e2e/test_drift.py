"""./ops drift on the real thing: idle, with several kinds of drift at once, and mended."""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.drifts import Drift, docker
from tests.e2e.drifts_inside import DRIFTS
from tests.e2e.drifts_of_schema import SCHEMA

pytestmark = pytest.mark.e2e

TOGETHER = (
    "environment", "network joined", "limit of processes", "stranger on a network", "static file changed",
    "slot elsewhere", "Nginx reconfigured", "ALTER SYSTEM", "role with a hostile name", "rights of a role",
)  # fmt: skip
"""Kinds that do not hide one another."""


def drift(stack: Deployment, code: int, *words: str) -> dict[str, Any]:
    """`./ops drift --json`, which ends with this exit code."""
    done = stack.clone.run("./ops", "drift", "--stack", stack.stack, "--json", *words)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return dict(json.loads(done.stdout))


def assert_named(drifts: Sequence[Drift], found: list[dict[str, Any]]) -> None:
    """Each of them is, and there is nothing else."""
    for each in drifts:
        own = [finding for finding in found if finding["id"].removeprefix("drift.") in each.ids]
        assert {finding["id"].removeprefix("drift.") for finding in own} == {*each.ids}, each.name
        assert any(each.what in finding["what"] for finding in own), each.name
        assert all(finding["cause"] and finding["mend"] for finding in own)
    expected = {f"drift.{kind}" for each in drifts for kind in each.ids}
    assert {finding["id"] for finding in found} == expected


@pytest.fixture
def seeded(dev: Deployment) -> Iterator[list[Drift]]:
    """Some kinds of drift at once; whatever a test leaves of them is mended."""
    chosen = [each for each in DRIFTS if each.name in TOGETHER]
    assert len(chosen) == len(TOGETHER)
    for each in chosen:
        each.seed(dev)
    yield chosen
    for each in chosen:
        if each.undo:
            each.undo(dev)
    dev.clone.run("./ops", "drift", "--stack", dev.stack, "--fix", "--yes-destroy")


@pytest.fixture
def state_folder(dev: Deployment) -> Path:
    """Where the clone keeps its state."""
    return dev.clone.path / ".state" / ".pulumi"


def test_a_stack_that_nobody_has_touched_has_no_drift(dev: Deployment) -> None:
    """Nor does its program differ; and everything could be looked at."""
    found = drift(dev, 0)
    assert (found["drift"], found["program"], found["unread"]) == ([], [], [])


def test_looking_changes_nothing(dev: Deployment, state_folder: Path) -> None:
    """No container is made, restarted or written to, and no file of the state or the clone."""
    before = dev.ids(), files(state_folder), dev.clone.git_status()
    started = [container.attrs["State"]["StartedAt"] for container in dev.containers()]
    drift(dev, 0)
    assert (dev.ids(), files(state_folder), dev.clone.git_status()) == before
    assert [container.attrs["State"]["StartedAt"] for container in dev.containers()] == started


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_each_kind_of_drift_is_found_named_and_mended(dev: Deployment, seeded: list[Drift]) -> None:
    """All of them at once; then the stack is as it was deployed, and serves."""
    found = drift(dev, 2)["drift"]
    assert_named(seeded, found)
    markdown = dev.clone.run("./ops", "drift", "--stack", dev.stack, "--markdown").stdout
    assert "<img" not in markdown

    left = drift(dev, 2, "--fix")
    assert {finding["id"] for finding in left["drift"]} == {"drift.N004", "drift.P005"}
    assert drift(dev, 0, "--fix", "--yes-destroy")["drift"] == []
    assert dev.get("/health/").status_code == 200


def test_each_change_of_the_schema_is_found_and_left_to_a_person(dev: Deployment) -> None:
    """All of them at once; `--fix` mends none, as data may be lost."""
    try:
        for each in SCHEMA:
            each.seed(dev)
        assert_named(SCHEMA, drift(dev, 2)["drift"])
        assert_named(SCHEMA, drift(dev, 2, "--fix", "--yes-destroy")["drift"])
    finally:
        for each in SCHEMA:
            if each.undo:
                each.undo(dev)
    assert drift(dev, 0)["drift"] == []


def test_an_engine_that_cannot_be_reached_is_an_error(dev: Deployment) -> None:
    """And no stack of which everything is missing."""
    nowhere = {"DOCKER_HOST": "tcp://127.0.0.1:9"}
    done = dev.clone.run("env", *(f"{key}={value}" for key, value in nowhere.items()), "./ops", "drift")
    assert done.returncode == 1
    assert "Docker: the engine must answer" in done.stderr


def test_a_stack_that_is_not_deployed_is_an_error(dev: Deployment) -> None:
    """With the engine's own words."""
    done = dev.clone.run("./ops", "drift", "--stack", "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert docker("ps", "--quiet", "--filter=name=nowhere") == ""


def test_a_state_that_was_cut_off_is_an_error(dev: Deployment, state_folder: Path) -> None:
    """With the engine's advice, and nothing is made of it."""
    path = state_folder / "stacks" / dev.clone.project / "dev.json"
    whole = path.read_text()
    try:
        path.write_text(whole[: len(whole) // 2])
        done = dev.clone.run("./ops", "drift", "--stack", "dev")
    finally:
        path.write_text(whole)
    assert done.returncode == 1
    assert "its state must be readable" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_locked_stack_is_an_error(dev: Deployment, state_folder: Path) -> None:
    """What the update that holds it is about to change is no drift."""
    folder = state_folder / "locks" / "organization" / dev.clone.project / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "of-a-test.json"
    lock.write_text(json.dumps({"pid": os.getpid(), "username": "eve", "hostname": socket.gethostname()}))
    try:
        done = dev.clone.run("./ops", "drift", "--stack", "dev")
    finally:
        lock.unlink()
    assert done.returncode == 1
    assert "no update may be under way (got a lock of eve@" in done.stderr
