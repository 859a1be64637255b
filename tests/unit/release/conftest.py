"""Time that passes by sleeping alone."""

import threading

import pytest

from release import abandon, hold, leftovers, once, ready, switch, watch


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all steps."""
    clock = Clock()
    for module in (abandon, hold, leftovers, once, ready, switch, watch):
        monkeypatch.setattr(module, "time", clock)
    return clock
