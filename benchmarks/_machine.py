"""How busy the machine was besides: seconds mean little without it, ratios of one run do not need it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from wrapper.report import Measure


@contextmanager
def watched() -> Iterator[list[Measure]]:
    """The load average per CPU before and after what the context does; the list is filled at its end."""
    measures: list[Measure] = []
    before = load_per_cpu()
    yield measures
    measures += [
        Measure(name="machine: load average per CPU, before", value=before, unit=""),
        Measure(name="machine: load average per CPU, at the end", value=load_per_cpu(), unit=""),
    ]


def load_per_cpu() -> float:
    """The load average of the last minute; over 1, work waits."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
