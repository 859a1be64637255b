"""What the traffic through a release proves, in words."""

from typing import Any

FEWEST_REQUESTS = 100
"""Requests below which a clean proof is no proof."""
FEWEST_SINCE = 10
"""The same for requests that have begun since the traffic was moved: those before show nothing of that."""
RETRIED_SHARE = 0.001
"""Share of requests on kept connections that may have been asked twice, as these were closed just then."""


def verdict(report: dict[str, Any]) -> str:
    """`proven`, `failed` or `not proven`."""
    requests = report.get("requests", 0)
    if report.get("failed") or report.get("retried", 0) > max(1, requests * RETRIED_SHARE):
        return "failed"
    return "proven" if requests >= FEWEST_REQUESTS and _since_the_move(report) >= FEWEST_SINCE else "not proven"


def sentence(report: dict[str, Any]) -> str:
    """One line for the summary."""
    if not report.get("requests"):
        return "proof: not proven, as there was no release before this one to switch from"
    by_kind = _by_kind(report)
    kinds = ", ".join(f"{tally['requests']} {kind}" for kind, tally in sorted(by_kind.items()))
    slowest = max((tally["p99_ms"] for kind, tally in by_kind.items() if kind != "slow"), default=0)
    told = (
        f"proof: {verdict(report)}: {report['failed']} of {report['requests']} requests failed ({kinds});"
        f" longest gap {report['longest_gap_ms']:.0f} ms, p99 {slowest:.0f} ms"
    )
    if report.get("retried"):
        told += f", {report['retried']} asked twice"
    failures = [reason for tally in by_kind.values() for reason in tally["first_failures"]]
    return told + (f"; first: {failures[0]}" if failures else "")


def _since_the_move(report: dict[str, Any]) -> int:
    phases = report.get("phases", {}).items()
    return sum(tally["requests"] for phase, kinds in phases if phase != "before" for tally in kinds.values())


def _by_kind(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    for tallies in report["phases"].values():
        for kind, tally in tallies.items():
            known = kinds.setdefault(kind, {"requests": 0, "p99_ms": 0.0, "first_failures": []})
            known["requests"] += tally["requests"]
            known["p99_ms"] = max(known["p99_ms"], tally["p99_ms"])
            known["first_failures"] += tally["first_failures"]
    return kinds
