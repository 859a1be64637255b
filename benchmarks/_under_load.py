"""What several runs of load say together."""

from collections.abc import Iterable
from typing import Any


def together(reports: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Requests, failures and retries of several runs."""
    runs = list(reports)
    return {key: sum(run[key] for run in runs) for key in ("requests", "failed", "retried")}


def worst(
    reports: Iterable[dict[str, Any]], figure: str, kinds: Iterable[str] = ("keep-alive", "new", "post")
) -> float:
    """The highest of one figure over runs and kinds."""
    return max((run["kinds"][kind][figure] for run in reports for kind in kinds), default=0.0)


def failed(reports: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Failed requests by kind: on kept connections, on new ones, POSTs, slow ones."""
    runs = list(reports)
    kinds = {"keep-alive": "keep-alive", "new": "new connections", "post": "POST", "slow": "slow"}
    return {name: sum(run["kinds"][kind]["failed"] for run in runs) for kind, name in kinds.items()}
