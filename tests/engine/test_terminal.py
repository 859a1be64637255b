"""On a terminal: the question before an update, and the table while it runs."""

import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.engine.conftest import Project

_THINKS_SECONDS = 0.05
"""A ^C between the prompt and the reading of the answer would be lost: Python looks for it before it reads."""


def talk(project: Project, conversation: list[tuple[str, str]], *arguments: str) -> tuple[int, str]:
    """Runs the engine on a terminal, answering each prompt; exit code, and what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        os.execv(sys.executable, [sys.executable, "-m", "engine", "--cwd", str(project.folder), *arguments])  # noqa: S606
    shown, deadline = "", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            shown += os.read(terminal, 65536).decode(errors="replace")
        except OSError:
            break
        if conversation and conversation[0][0] in shown.rpartition("\0")[2]:
            time.sleep(_THINKS_SECONDS)
            os.write(terminal, conversation.pop(0)[1].encode())
            shown += "\0"  # a prompt is answered once
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", shown).replace("\0", "")


@pytest.fixture
def echo(project: Project) -> Project:
    project.program("local.Command('ran', create='echo ran > ran.txt')")
    return project


@pytest.mark.parametrize(("answer", "code"), [("no\n", 8), ("\x03", 8), ("\x04", 8)])
def test_without_a_yes_nothing_is_done(echo: Project, answer: str, code: int) -> None:
    """No, ^C and the end of the input decline, with the CLI's exit code."""
    ended, shown = talk(echo, [("(yes/no)", answer)], "up")
    assert ended == code, shown
    assert "confirmation declined, not proceeding with the update" in shown
    assert not (echo.folder / "ran.txt").exists()


def test_after_a_yes_the_update_is_shown(echo: Project) -> None:
    """The table of the preview, the question, and then the update."""
    ended, shown = talk(echo, [("(yes/no)", "yes\n")], "up")
    assert ended == 0, shown
    assert re.search(r"Type +Name +Plan +Info", shown)
    assert re.search(r"\+ +└─ command:local:Command +ran +create +it is new in the program", shown)
    assert re.search(r"└─ command:local:Command +ran +created", shown)
    assert (echo.folder / "ran.txt").read_text() == "ran\n"
