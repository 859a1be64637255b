"""Starting on a machine where nothing is known to be there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, **pythons: str) -> subprocess.CompletedProcess[str]:
    """`launch` in a clone with no .venv, where PATH holds the given programs and a shell's needs."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "uname"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    for name, script in pythons.items():
        file = programs / name.replace("_", ".")
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    (folder / "wrapper").mkdir()
    launch = folder / "wrapper" / "launch"
    launch.write_bytes((ROOT / "wrapper" / "launch").read_bytes())
    launch.chmod(0o755)
    return subprocess.run(
        [launch, "requirements.txt", "module", "a b"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def says(version: str) -> str:
    return f'[ "$1" = -c ] && echo {version} || echo "{version} runs: $*"'


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.14", "3.20"])
def test_python3_is_taken_if_it_is_new_enough(tmp_path: Path, version: str) -> None:
    """The machine's own choice comes first; arguments stay whole."""
    done = start(tmp_path, python3=says(version), python3_13=says("3.13"))

    assert done.stdout == f"{version} runs: {tmp_path}/wrapper/__main__.py requirements.txt module a b\n"


@pytest.mark.parametrize("old", [says("3.9"), says("2.7"), "exit 127", "echo stub for another version >&2; exit 1"])
def test_a_newer_one_under_its_full_name_is_found(tmp_path: Path, old: str) -> None:
    """The newest first, past what is too old or does not run."""
    done = start(tmp_path, python3=old, python3_11=says("3.11"), python3_13=says("3.13"))

    assert done.stdout.startswith("3.13 runs: ")


@pytest.mark.parametrize(("version", "runs"), [("3.13", "3.13"), ("3.9", "3.12")])
def test_an_environment_made_by_hand_is_tried_first(tmp_path: Path, version: str, runs: str) -> None:
    """If its Python is new enough."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{says(version)}\n")
    python.chmod(0o755)

    assert start(tmp_path, python3=says("3.12")).stdout.startswith(f"{runs} runs: ")


def test_without_a_python_it_says_what_to_install(tmp_path: Path) -> None:
    """For this system, with what was found."""
    done = start(tmp_path, python3=says("3.9"))

    assert done.returncode == 1
    assert done.stderr.startswith("python: 3.11 or newer is needed (got python3 is 3.9). Install it: ")


def test_nothing_on_the_way_to_the_environment_needs_a_package() -> None:
    """All of it is there before the first package is."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import wrapper.__main__"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_launcher_is_plain_posix_shell() -> None:
    """Debian's sh is dash, macOS's is bash, Alpine's is busybox."""
    text = (ROOT / "wrapper" / "launch").read_text()

    assert text.startswith("#!/bin/sh\n")
    assert not any(word in text for word in ("[[", "function ", "local ", "<<<", "=~"))
    for script in ("pulumiw", "wrapper/launch", "scripts/test", "scripts/check", "scripts/bench", ".ci/run"):
        assert os.access(ROOT / script, os.X_OK), script
        subprocess.run(["sh", "-n", ROOT / script], check=True)
