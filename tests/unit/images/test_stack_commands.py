"""Release commands: those of manage.py in a fork that has the project imported, all others in a shell."""

import json
import os
from pathlib import Path

import pytest
import stack_commands
from stack_commands import run_all, words_of

MANAGE = """
import json, os, sys
from pathlib import Path
if __name__ == "__main__":
    known = [json.loads(line) for line in Path("calls").read_text().splitlines()] if Path("calls").exists() else []
    Path("calls").open("a").write(json.dumps([os.getpid(), sys.argv]) + "\\n")
    if sys.argv[1] == "exit":
        sys.exit(int(sys.argv[2]))
    if sys.argv[1] == "words":
        sys.exit("it will not do")
    if sys.argv[1] == "raise":
        raise ValueError("it went wrong")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a manage.py that writes down who it was and what it was told."""
    (tmp_path / "manage.py").write_text(MANAGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def calls(folder: Path) -> list[tuple[int, list[str]]]:
    """Process and words of each call."""
    return [tuple(json.loads(line)) for line in (folder / "calls").read_text().splitlines()]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python manage.py seed --size 3", ["seed", "--size", "3"]),
        ("python3 manage.py seed 'two words'", ["seed", "two words"]),
        ("python manage.py", []),
        ("python -u manage.py seed", []),
        ("./manage.py seed", []),
        ("DEBUG=1 python manage.py seed", []),
        ("python manage.py seed && true", []),
        ("python manage.py seed > /tmp/x", []),
        ("python manage.py seed $SIZE", []),
        ("python manage.py 'seed", []),
        ("echo python manage.py", []),
    ],
)
def test_what_needs_no_shell_gets_none(command: str, words: list[str]) -> None:
    """Anything that might mean something to a shell is left to one."""
    assert words_of(command) == words


def test_commands_run_in_their_order_each_in_a_process_of_its_own(folder: Path) -> None:
    """Connections are closed before each fork: two processes must not speak on one."""
    closed: list[int] = []
    run_all(
        ["python manage.py one", "echo shell >> calls.txt", "python manage.py two a"],
        lambda: closed.append(os.getpid()),
    )
    (first, words), (second, others) = calls(folder)
    assert (words, others) == (["manage.py", "one"], ["manage.py", "two", "a"])
    assert len({first, second, os.getpid()}) == 3
    assert closed == [os.getpid()] * 2
    assert (folder / "calls.txt").read_text() == "shell\n"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("python manage.py exit 3", 3, ""),
        ("python manage.py words", 1, "it will not do"),
        ("python manage.py raise", 1, "ValueError: it went wrong"),
        ("exit 4", 4, ""),
        ("kill -9 $$", 137, ""),
    ],
)
def test_the_first_failure_ends_it(
    folder: Path, capfd: pytest.CaptureFixture[str], command: str, code: int, said: str
) -> None:
    """With its code, and with its words on standard error; what comes after it does not run."""
    with pytest.raises(SystemExit) as end:
        run_all([command, "touch never"], lambda: None)
    assert end.value.code == code
    assert said in capfd.readouterr().err
    assert not (folder / "never").exists()


def test_a_project_without_manage_py_gets_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says what is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stack_commands, "_in_fork", lambda _: pytest.fail("there is nothing to run"))
    with pytest.raises(SystemExit) as end:
        run_all(["python3 manage.py seed"], lambda: None)
    assert end.value.code == 2
