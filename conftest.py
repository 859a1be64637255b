"""What holds for all tests: who shares what, and that a run without Docker fails, as a skipped test proves nothing."""

import os

import pytest

from wrapper import provision
from wrapper.docker_state import State
from wrapper.errors import WrapperError

SHARED = {"dev": "dev", "clone": "dev", "base_image": "engine"}
"""Fixtures of several modules: tests that use them run one after the other, in one process."""


@pytest.hookimpl(tryfirst=True)  # before xdist, which puts the group into a test's id
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("e2e") and isinstance(item, pytest.Function):
            groups = [group for name, group in SHARED.items() if name in item.fixturenames]
            item.add_marker(pytest.mark.xdist_group(groups[0] if groups else item.path.stem))


def pytest_collection_finish(session: pytest.Session) -> None:
    if not any(item.get_closest_marker("e2e") for item in session.items) or session.config.option.collectonly:
        return
    try:
        _, found = provision.docker_here(os.environ)
    except WrapperError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    if found.state is not State.USABLE:
        pytest.exit(f"{found.message} scripts/test installs and starts it.", returncode=pytest.ExitCode.USAGE_ERROR)
