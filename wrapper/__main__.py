"""Makes .venv ready for a lock file and runs a module of this clone in it: `launch LOCK MODULE [ARGUMENT...]`.

Runs before anything is installed: only the standard library may be imported on the way to the environment.
"""

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # the folder of this file would put our modules in the place of global ones

from wrapper import provision, venv  # noqa: E402  needs the path above
from wrapper.arguments import INSTALL_DOCKER, parse  # noqa: E402
from wrapper.console import say  # noqa: E402
from wrapper.errors import WrapperError  # noqa: E402
from wrapper.need import Need  # noqa: E402

NEEDS_DOCKER = frozenset(("wrapper.suite",))
"""Modules that always deploy."""


def main(lock: str, module: str, arguments: list[str]) -> None:
    environment = venv.Environment(ROOT)
    if environment.todo(lock) is not venv.Todo.NOTHING:
        tool = venv.tool_here()
        if tool is venv.Tool.NONE:
            _provide(module, arguments)
            tool = venv.Tool.VENV
        environment.prepare(lock, tool)
    if not environment.in_use:
        python = str(environment.python)
        os.execv(python, [python, str(Path(__file__).resolve()), lock, module, *arguments])  # noqa: S606  no shell is wanted
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _provide(module: str, arguments: list[str]) -> None:
    """Install a way to make .venv, and Docker with it if this call will need that too: one question for both."""
    needs = frozenset((Need.VENV,))
    if module in NEEDS_DOCKER or (module == "wrapper.pulumiw" and parse(arguments).deploys):
        _, found = provision.docker_here(os.environ)
        needs |= provision.docker_needs(found)
    consent = INSTALL_DOCKER in arguments or (module in NEEDS_DOCKER and os.environ.get("CI") == "true")
    provision.provide(needs, consent=consent)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], sys.argv[3:])
    except WrapperError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted.")
        sys.exit(130)
