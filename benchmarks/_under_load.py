"""Traffic beside whatever a benchmark does: the load client of the tests, its report, and what it says together."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.deployment import ROOT

LONGEST_SECONDS = 58
"""Of one run of load, as a bound on what a benchmark does to a machine."""


@contextmanager
def load(*, port: int, rate: float, least_seconds: float = 0) -> Iterator[dict[str, Any]]:
    """Steady traffic as long as the context lasts, and `least_seconds`; its report is in the dictionary afterwards."""
    command = [sys.executable, "-m", "tests.load.client", "--port", str(port), "--rate", str(rate)]
    client = subprocess.Popen(
        [*command, "--seconds", str(LONGEST_SECONDS)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    report: dict[str, Any] = {}
    start = time.monotonic()
    time.sleep(2)
    try:
        yield report
    finally:
        time.sleep(max(1, start + least_seconds - time.monotonic()))
        client.terminate()
        report |= json.loads(client.communicate(timeout=90)[0])


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
