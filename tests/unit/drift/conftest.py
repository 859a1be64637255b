"""A stack that runs exactly as it was deployed."""

from collections.abc import Callable

import pytest

from drift import examine, recorded
from drift.finding import Finding
from drift.recorded import Recorded
from tests.unit.drift.deployed import PREFIX, STACK, RunningStack, export
from tests.unit.recording import Declarations


@pytest.fixture(scope="session")
def state(dev: Declarations) -> Recorded:
    """The recorded state."""
    return recorded.read(export(dev), prefix=PREFIX)


@pytest.fixture
def docker(dev: Declarations) -> RunningStack:
    """Docker, with all of it."""
    return RunningStack(dev)


@pytest.fixture
def look(state: Recorded, docker: RunningStack) -> Callable[[], list[Finding]]:
    """What is found now."""
    return lambda: list(examine.compared(docker, state, stack=STACK).drift)
