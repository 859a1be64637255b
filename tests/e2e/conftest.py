"""Deployments that the end-to-end tests share. Ports 18080 and up, on loopback."""

import os
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def company_ca() -> dict[str, str]:
    """The config that lets image builds of a stack other than dev trust this machine's certificates."""
    path = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ""
    return {"buildCaFile": path} if path and Path(path).is_file() else {}
