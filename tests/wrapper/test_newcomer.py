"""A clone, Python and git: what a newcomer's first minutes are made of."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.wrapper.clones import clone_of_working_tree


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone_of_working_tree(tmp_path_factory.mktemp("newcomer") / "site")


def call(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """With a home of its own, and nothing of this run's environment but what pip is told."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "CERT" in name}
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    variables = {**kept, "HOME": str(home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(
        words, cwd=clone, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_first_call_makes_the_environment_and_answers(clone: Path) -> None:
    """With the packages of the lock, by their hashes; stdout is the answer alone."""
    done = call(clone, "./pulumiw", "version")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("v3.")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.splitlines()[0].startswith("venv: installing the packages of requirements.txt for Python 3.")
    assert done.stderr.splitlines()[1].startswith("venv: ready after ")


def test_second_call_only_says_its_engine(clone: Path) -> None:
    """The environment is there."""
    done = call(clone, "./pulumiw", "about")

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["engine: embedded (pulumi is not on PATH)"]
    assert "django-stack" in done.stdout


def test_values_can_be_set_before_the_first_up(clone: Path) -> None:
    """They are kept for this clone, and the engine sees them."""
    assert call(clone, "./pulumiw", "config", "set", "django-stack:httpPort", "8431").returncode == 0
    assert call(clone, "./pulumiw", "config", "get", "django-stack:httpPort").stdout == "8431\n"
    assert call(clone, "./pulumiw", "config", "rm", "django-stack:httpPort").returncode == 0
    assert call(clone, "./pulumiw", "config", "get", "django-stack:httpPort").stdout == "8080\n"


def test_git_sees_none_of_it(clone: Path) -> None:
    """Neither environment, state, secrets nor values."""
    assert (clone / ".local" / "dev.passphrase").is_file()
    assert call(clone, "git", "status", "--porcelain").stdout == ""
