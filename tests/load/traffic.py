"""Traffic beside whatever a test or a benchmark does: the load client, and its report."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 58
"""Of one run of load, as a bound on what a benchmark does to a machine."""
REPORT_SECONDS = 90
_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def load(
    *, port: int, rate: float, least_seconds: float = 0, longest_seconds: float = LONGEST_SECONDS
) -> Iterator[dict[str, Any]]:
    """Steady traffic as long as the context lasts, and `least_seconds`; its report is in the dictionary afterwards."""
    words = ["--port", str(port), "--rate", str(rate), "--seconds", str(longest_seconds)]
    command = [sys.executable, "-m", "tests.load.client", *words]
    client = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = {}
    start = time.monotonic()
    time.sleep(2)
    try:
        yield report
    finally:
        time.sleep(max(1, start + least_seconds - time.monotonic()))
        client.terminate()
        report |= json.loads(client.communicate(timeout=REPORT_SECONDS)[0])
