"""Release commands, one after the other, each in a process of its own.

`python manage.py …` runs in a fork of the process that has imported the project already: with a large one, that import
is most of what such a command takes. Everything else gets a shell.
"""

import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

MANAGE = "manage.py"
_PYTHONS = ("python", "python3")
_SHELL = frozenset("|&;<>()$`*?[]#~=%!{}\\\n")
"""A word with one of these may mean something to a shell."""


def words_of(command: str) -> list[str]:
    """The words behind `python manage.py`; none if it is another command, or needs a shell."""
    if _SHELL & set(command):
        return []
    try:
        python, manage, *words = shlex.split(command)
    except ValueError:
        return []
    return words if python in _PYTHONS and manage == MANAGE else []


def run_all(commands: Sequence[str], before_fork: Callable[[], None]) -> None:
    """Run them. Exits with the code of the first that fails."""
    for command in commands:
        words = words_of(command)
        sys.stdout.flush()
        if words and Path(MANAGE).is_file():
            before_fork()
            code = _in_fork(words)
        else:
            code = subprocess.run(["sh", "-ec", command], check=False).returncode
        if code:
            sys.exit(code if code > 0 else 128 - code)


def _in_fork(words: Sequence[str]) -> int:
    child = os.fork()
    if not child:
        _become(words)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(words: Sequence[str]) -> None:
    """Be `python manage.py WORDS`, to its end."""
    code = 1
    try:
        sys.argv = [MANAGE, *words]
        runpy.run_path(MANAGE, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = _code_of(end)
    except BaseException:  # noqa: BLE001 - told as Python tells it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)
    return 1
