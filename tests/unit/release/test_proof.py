"""What traffic through a release proves, in words."""

from typing import Any

import pytest

from release.proof import sentence, verdict


def tally(requests: int, p99: float, *failures: str) -> dict[str, Any]:
    """What the prober reports of one kind in one phase."""
    return {"requests": requests, "failed": len(failures), "p99_ms": p99, "first_failures": list(failures[:3])}


def report(phases: dict[str, dict[str, dict[str, Any]]], gap: float = 12.4) -> dict[str, Any]:
    """What the prober reports of these."""
    every = [each for kinds in phases.values() for each in kinds.values()]
    return {
        "requests": sum(each["requests"] for each in every),
        "failed": sum(each["failed"] for each in every),
        "longest_gap_ms": gap,
        "phases": phases,
    }


CLEAN = report(
    {
        "before": {"keep-alive": tally(60, 5.2), "new": tally(60, 9.6)},
        "switch": {"keep-alive": tally(20, 8.8), "new": tally(20, 21.6), "slow": tally(2, 3005.0)},
    }
)


def counted(before: int, since: int, **figures: int) -> dict[str, Any]:
    """A report of so many requests before and after the move."""
    phases = {"before": {"new": {"requests": before}}, "switch": {"new": {"requests": since}}}
    return {"requests": before + since, "failed": 0, "retried": 0, "phases": phases} | figures


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (counted(90, 10), "proven"),
        (counted(0, 100), "proven"),
        (counted(89, 10), "not proven"),
        (counted(100_000, 9), "not proven"),
        (counted(10_000, 500, failed=1), "failed"),
        (counted(1, 0, failed=1), "failed"),
        ({}, "not proven"),
    ],
)
def test_one_failure_fails_the_proof_and_too_few_requests_prove_nothing(found: dict[str, Any], expected: str) -> None:
    """However many went well, and however many went well before the traffic moved."""
    assert verdict(found) == expected


@pytest.mark.parametrize(
    ("requests", "retried", "expected"),
    [(200, 1, "proven"), (200, 2, "failed"), (3000, 3, "proven"), (3000, 4, "failed")],
)
def test_one_request_in_a_thousand_may_be_asked_twice(requests: int, retried: int, expected: str) -> None:
    """And one in any case."""
    assert verdict(counted(100, requests - 100, retried=retried)) == expected


def test_a_clean_proof_in_one_line() -> None:
    """Requests by kind over all phases; slow requests are not what latency is judged by."""
    assert sentence(CLEAN) == (
        "proof: proven: 0 of 162 requests failed (80 keep-alive, 80 new, 2 slow); longest gap 12 ms, p99 22 ms"
    )


def test_what_was_asked_twice_is_told() -> None:
    """It is no failure, and not nothing."""
    assert sentence(CLEAN | {"retried": 1}).endswith("longest gap 12 ms, p99 22 ms, 1 asked twice")


def test_a_failed_proof_names_its_first_failure() -> None:
    """So that it can be looked for."""
    phases = {"switch": {"new": tally(200, 9, "status 502 from release none", "timed out"), "post": tally(10, 4)}}
    assert sentence(report(phases)) == (
        "proof: failed: 2 of 210 requests failed (200 new, 10 post); longest gap 12 ms, p99 9 ms;"
        " first: status 502 from release none"
    )


def test_few_requests_are_told_as_no_proof() -> None:
    """Not as success."""
    assert sentence(report({"switch": {"new": tally(5, 9)}})).startswith("proof: not proven: 0 of 5 requests failed")


@pytest.mark.parametrize("found", [{}, {"requests": 0, "failed": 0, "phases": {}}])
def test_a_first_release_has_nothing_to_prove(found: dict[str, Any]) -> None:
    """Nobody was asked anything while it went live."""
    assert sentence(found) == "proof: not proven, as there was no release before this one to switch from"
