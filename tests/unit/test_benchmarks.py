"""What benchmarks conclude from what they have seen."""

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks import _under_load, broken_releases, disk

FAILED_AS_IT_MUST: dict[str, Any] = {
    "exit_code": 1,
    "untold": [],
    "old_release_serves": True,
    "seconds": 20.0,
    "load": {"failed": 0},
}


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ({}, []),
        ({"exit_code": 0}, ["the exit code is 0"]),
        ({"untold": ["gate.E003"]}, ["the message lacks ['gate.E003']"]),
        ({"load": {"failed": 2}}, ["2 requests failed"]),
        ({"old_release_serves": False}, ["the release before does not serve as it did"]),
    ],
)
def test_a_broken_release_is_at_fault_for_whatever_it_does_not_as_it_must(
    seen: Mapping[str, Any], fault: list[str]
) -> None:
    """One fault for each thing that is wrong."""
    assert broken_releases.faults(FAILED_AS_IT_MUST | dict(seen)) == fault


def test_a_deploy_that_its_load_has_not_seen_to_the_end_is_told() -> None:
    """A run of load has a longest time."""
    assert not broken_releases.outlasted(FAILED_AS_IT_MUST)
    assert broken_releases.outlasted(FAILED_AS_IT_MUST | {"seconds": 57.0})


def test_only_what_there_is_more_of_has_piled_up() -> None:
    """Fewer things are no pile."""
    assert broken_releases.piled({"images": 5, "sockets": 4}, {"images": 7, "sockets": 2}) == {"images": 2}


@pytest.mark.parametrize(
    ("text", "megabytes"), [("3.142MB", 3.142), ("0B", 0), ("220kB", 0.22), ("1.5GB", 1500), ("N/A", 0)]
)
def test_sizes_are_read_as_docker_prints_them(text: str, megabytes: float) -> None:
    """A size that Docker does not know counts for nothing."""
    assert disk.megabytes(text) == pytest.approx(megabytes)


def test_disk_may_grow_by_five_images_and_a_tenth() -> None:
    """Of an image, what it shares with none; of the stack, what it took at first."""
    assert disk.allowed({"one image": 3.0, "all": 50.0}) == pytest.approx(20.0)


def test_failed_requests_are_told_apart_by_kind() -> None:
    """Over all runs."""
    kinds = {"keep-alive": 1, "new": 2, "post": 0, "slow": 3}
    run = {"kinds": {kind: {"failed": count} for kind, count in kinds.items()}}
    assert _under_load.failed([run, run]) == {"keep-alive": 2, "new connections": 4, "POST": 0, "slow": 6}
