"""What holds for all tests: without Docker the run fails, as a test that is skipped proves nothing."""

import os

import pytest

from wrapper import provision
from wrapper.docker_state import State
from wrapper.errors import WrapperError


def pytest_collection_finish(session: pytest.Session) -> None:
    if not any(item.get_closest_marker("e2e") for item in session.items) or session.config.option.collectonly:
        return
    try:
        _, found = provision.docker_here(os.environ)
    except WrapperError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    if found.state is not State.USABLE:
        pytest.exit(f"{found.message} scripts/test installs and starts it.", returncode=pytest.ExitCode.USAGE_ERROR)
