"""How busy the machine was besides: seconds mean little without it, ratios of one run do not need it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from wrapper.report import Measure


@contextmanager
def watched() -> Iterator[list[Measure]]:
    """The load average per CPU before and after what the context does; the list is filled at its end."""
    measures: list[Measure] = []
    before = _load()
    yield measures
    measures += [
        Measure(name="machine: load average per CPU, before", value=before, unit=""),
        Measure(name="machine: load average per CPU, at the end", value=_load(), unit=""),
    ]


def _load() -> float:
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
