"""A clone for each test."""

from pathlib import Path

import pytest

from tests.unit.operations.clones import Clone, make_clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Configs as they are committed, and no stack deployed."""
    return make_clone(tmp_path)
