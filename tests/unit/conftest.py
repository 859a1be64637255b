"""The committed stacks as the program declares them, run once for all tests that only look."""

from collections.abc import Iterator

import pytest

from tests.unit.program import ROOT, committed, declare
from tests.unit.recording import Declarations, Declared


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pulumi program runs in its own folder."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def stacks() -> Iterator[dict[str, Declarations]]:
    """The committed stacks that differ most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield {stack: declare(committed(stack), stack=stack) for stack in ("dev", "prod")}


@pytest.fixture(scope="session")
def dev(stacks: dict[str, Declarations]) -> Declarations:
    """The dev stack."""
    return stacks["dev"]


@pytest.fixture(scope="session")
def containers(stacks: dict[str, Declarations]) -> list[Declared]:
    """Every container of both stacks."""
    return [container for stack in stacks.values() for container in stack.of("Container")]
