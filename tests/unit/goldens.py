"""Golden files: what a whole text must be. To write them anew: `UPDATE_GOLDEN=1 scripts/test tests/unit`, then read
the difference as you would read code.
"""

import os
from pathlib import Path

import pytest

_FOLDER = Path(__file__).with_name("golden")


def expect(name: str, text: str) -> None:
    """Fail unless the golden file `name` holds exactly this text."""
    path = _FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
        pytest.fail(f"{path.name} was written anew. Read its difference, then run without UPDATE_GOLDEN.")
    assert text == path.read_text(), f"{name} differs; UPDATE_GOLDEN=1 writes it anew"
