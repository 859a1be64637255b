"""What holds for all tests: without Docker the run fails, as a test that is skipped proves nothing."""

import os

import pytest

from wrapper import provision
from wrapper.docker_state import State
from wrapper.errors import WrapperError


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End-to-end tests of one group run one after the other: those that share a stack, an image, or a module."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    folder = item.path.parent.name
    if {"dev", "clone"} & set(getattr(item, "fixturenames", ())):
        return "dev"
    return "engine" if folder in ("engine", "conformance") else f"{folder}/{item.path.stem}"


def pytest_collection_finish(session: pytest.Session) -> None:
    if not any(item.get_closest_marker("e2e") for item in session.items) or session.config.option.collectonly:
        return
    try:
        _, found = provision.docker_here(os.environ)
    except WrapperError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    if found.state is not State.USABLE:
        pytest.exit(f"{found.message} scripts/test installs and starts it.", returncode=pytest.ExitCode.USAGE_ERROR)
