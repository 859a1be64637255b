"""What holds for all tests: who shares what, and that a run without Docker fails, as a skipped test proves nothing."""

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from wrapper import provision
from wrapper.docker_state import State
from wrapper.errors import WrapperError

OWN = ("environments", "registry", "reboot", "releases", "secrets")
"""Modules of tests/e2e with deployments of their own; the others share one."""


class Groups(LoadScopeScheduling):
    """End-to-end tests in several processes: what shares a deployment, a project or an image stays in one of them."""

    def _split_scope(self, nodeid: str) -> str:
        module = Path(nodeid.partition("::")[0])
        if module.parent.name in ("engine", "conformance"):
            return "engine"
        shares = module.parent.name == "e2e" and module.stem.removeprefix("test_") not in OWN
        return "dev" if shares else str(module)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    return Groups(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_finish(session: pytest.Session) -> None:
    if not any(item.get_closest_marker("e2e") for item in session.items) or session.config.option.collectonly:
        return
    try:
        _, found = provision.docker_here(os.environ)
    except WrapperError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    if found.state is not State.USABLE:
        pytest.exit(f"{found.message} scripts/test installs and starts it.", returncode=pytest.ExitCode.USAGE_ERROR)
