"""The virtual environment: when it is made, by what, and what is made of an accident."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wrapper import pip_progress
from wrapper.errors import WrapperError
from wrapper.venv import (
    Environment,
    Note,
    Todo,
    Tool,
    choose_tool,
    install_command,
    install_environment,
    make_command,
    todo,
)

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {"requirements.txt": "r1", "requirements-dev.txt": "d1"}
HERE = {"python": "cpython-3.11", "location": "/clone/.venv"}


def note(**locks: str) -> Note:
    return Note(**HERE, locks={name.replace("_", "-") + ".txt": digest for name, digest in locks.items()})


READY = note(requirements="r1")
OTHER_PYTHON = replace(READY, python="cpython-3.13")
MOVED = replace(READY, location="/moved/.venv")


@pytest.mark.parametrize(
    ("before", "exists", "lock", "expected"),
    [
        (None, False, "requirements.txt", Todo.MAKE),
        (None, True, "requirements.txt", Todo.INSTALL),
        (READY, True, "requirements.txt", Todo.NOTHING),
        (READY, True, "requirements-dev.txt", Todo.INSTALL),
        (note(requirements="r1", requirements_dev="d1"), True, "requirements.txt", Todo.NOTHING),
        (note(requirements="old"), True, "requirements.txt", Todo.MAKE),
        (note(requirements="r1", requirements_dev="old"), True, "requirements.txt", Todo.MAKE),
        (note(), True, "requirements.txt", Todo.MAKE),
        (READY, False, "requirements.txt", Todo.MAKE),
        (OTHER_PYTHON, True, "requirements.txt", Todo.MAKE),
        (MOVED, True, "requirements.txt", Todo.MAKE),
    ],
    ids=[
        "nothing there",
        "made by hand",
        "ready",
        "development packages are missing",
        "development packages are there too",
        "lock changed",
        "another lock that it holds changed",
        "half made",
        "gone but for the note",
        "other interpreter",
        "clone moved",
    ],
)
def test_what_is_to_be_done_follows_from_the_note(before: Note | None, exists: bool, lock: str, expected: Todo) -> None:
    """From what it was made, against what is there now."""
    assert todo(note=before, exists=exists, **HERE, lock=lock, locks=LOCKS) is expected


@pytest.mark.parametrize(
    ("ensurepip", "uv", "virtualenv", "tool"),
    [
        (True, True, True, Tool.VENV),
        (False, True, True, Tool.UV),
        (False, False, True, Tool.VIRTUALENV),
        (False, False, False, Tool.NONE),
    ],
)
def test_environment_is_made_by_what_is_there(*, ensurepip: bool, uv: bool, virtualenv: bool, tool: Tool) -> None:
    """Python's own module first; Debian may have cut it out."""
    assert choose_tool(ensurepip=ensurepip, uv=uv, virtualenv=virtualenv) is tool


def test_packages_are_installed_by_hash_whatever_installs_them() -> None:
    """And into .venv alone."""
    target, lock = Path("/c/.venv"), Path("/c/requirements.txt")
    by_pip = install_command(target=target, has_pip=True, lock=lock)
    by_uv = install_command(target=target, has_pip=False, lock=lock)

    assert by_pip[:4] == ["/c/.venv/bin/python", "-m", "pip", "install"]
    assert by_uv == ["uv", "pip", "install", "--python", "/c/.venv/bin/python", *by_uv[5:]]
    assert by_pip[-3:] == by_uv[-3:] == ["--require-hashes", "-r", "/c/requirements.txt"]


def test_every_tool_makes_it_with_the_interpreter_that_was_found() -> None:
    """Not with one of its own choice."""
    commands = [make_command(tool, python="/p", target=Path("/t")) for tool in (Tool.VENV, Tool.UV, Tool.VIRTUALENV)]

    assert [command[0] for command in commands] == ["/p", "uv", "virtualenv"]
    assert all("/p" in command and command[-1] == "/t" for command in commands)


def test_users_settings_for_pip_count_and_none_leads_out_of_the_environment() -> None:
    """The installer uv is told of them, unless it has its own."""
    own = {"PIP_INDEX_URL": "i", "PIP_CERT": "c", "PIP_FIND_LINKS": "p", "UV_FIND_LINKS": "u"}
    seen = install_environment(own | {"PIP_TARGET": "/", "PIP_USER": "1"})

    assert seen == own | {"PIP_USER": "0", "UV_DEFAULT_INDEX": "i", "SSL_CERT_FILE": "c"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose locks ask for nothing, so that installing them is quick."""
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "requirements-dev.txt").write_text("# nothing, for development\n")
    return tmp_path


MAKE = """\
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from wrapper.venv import Environment, Tool
Environment(Path(sys.argv[2])).prepare("requirements.txt", Tool.VENV)
"""


def test_two_at_once_make_one_environment(clone: Path) -> None:
    """The second waits and then finds it ready."""
    command = [sys.executable, "-c", MAKE, str(ROOT), str(clone)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [run.communicate(timeout=120)[1] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], texts
    assert sum(text.count("installing the packages") for text in texts) == 1
    assert sum(text.count("another run is making it; waiting") for text in texts) == 1
    assert set(json.loads((clone / ".venv" / "django-stack.json").read_text())["locks"]) == {"requirements.txt"}


def test_a_half_made_environment_is_made_anew(clone: Path) -> None:
    """Its note names no lock, as while something is being installed."""
    environment = Environment(clone)
    environment.prepare("requirements.txt", Tool.VENV)
    environment._write_note(())
    left = clone / ".venv" / "left over"
    left.touch()

    environment.prepare("requirements.txt", Tool.VENV)

    assert not left.exists()
    assert environment.todo("requirements.txt") is Todo.NOTHING


def test_an_installation_that_fails_shows_why_and_is_not_used(clone: Path) -> None:
    """The end of pip's output, and what may be the cure."""
    (clone / "requirements.txt").write_text("no-such-package-anywhere==1 --hash=sha256:" + "0" * 64 + "\n")

    with pytest.raises(WrapperError, match="venv: installing packages failed") as caught:
        Environment(clone).prepare("requirements.txt", Tool.VENV)

    assert "no-such-package-anywhere" in str(caught.value)
    assert "PIP_INDEX_URL" in str(caught.value)
    assert Environment(clone).todo("requirements.txt") is Todo.MAKE


def test_an_environment_made_by_hand_is_completed_and_kept(clone: Path) -> None:
    """Whatever else is in it."""
    subprocess.run([sys.executable, "-m", "venv", clone / ".venv"], check=True)
    own = clone / ".venv" / "own"
    own.touch()

    Environment(clone).prepare("requirements-dev.txt", Tool.VENV)

    assert own.exists()
    assert Environment(clone).todo("requirements.txt") is Todo.NOTHING  # the larger lock contains the smaller


def test_a_foreign_environment_that_cannot_serve_is_named_not_deleted(clone: Path) -> None:
    """It may be somebody's work."""
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    shutil.copy2("/bin/false", python)

    with pytest.raises(WrapperError, match="was not made by this wrapper and has another Python"):
        Environment(clone).prepare("requirements.txt", Tool.VENV)
    assert python.exists()


def test_each_lock_contains_every_pin_of_the_one_before() -> None:
    """So that one environment serves all."""

    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("requirements.txt") <= pins("requirements-review.txt") <= pins("requirements-dev.txt")
    assert len(pins("requirements.txt")) == pip_progress.count_packages((ROOT / "requirements.txt").read_text()) > 10


def test_progress_counts_packages() -> None:
    """Up to their number, however often pip collects."""
    lines = ["Collecting grpcio==1.76.0 (from x)", "  Downloading grpcio.whl", "Collecting pulumi", "Collecting again"]
    shown, done = [], 0
    for line in lines:
        text, done = pip_progress.label(line, done=done, packages=2)
        shown.append(text)

    assert shown == ["1 of 2: grpcio", "", "2 of 2: pulumi", "2 of 2: again"]
