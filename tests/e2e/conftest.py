"""Deployments that the end-to-end tests share. Ports 18080 and up, on loopback."""

from collections.abc import Iterator

import pytest

from tests.e2e.deployment import Clone, Deployment, make_clone


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that tests share; whoever edits a file of it puts it back."""
    return make_clone(tmp_path_factory.mktemp("e2e") / "clone", "e2e")


@pytest.fixture(scope="session")
def dev(clone: Clone) -> Iterator[Deployment]:
    """A dev stack that is up, made as a newcomer makes it."""
    deployment = Deployment(clone=clone, stack="dev", port=18080)
    deployment.erase()
    deployment.set(httpPort="18080", bakeSeconds="1")
    deployment.up()
    yield deployment
    deployment.pulumi("destroy", "--yes")
    deployment.erase()
