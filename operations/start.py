"""`./ops start`: start what should run of a stack and does not, as its host timer does."""

import argparse
import os
import subprocess
from typing import Any

from operations.command import add_command
from operations.stack import ROOT, open_stack

_DESCRIPTION = """\
Starts the stack's containers that should run and do not, in the right order: after a restart of Docker, say, on a
server where no timer does so. Containers of failed releases stay stopped.
"""


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    add_command(
        commands, "start", run, shared=shared, summary="start what should run and does not", description=_DESCRIPTION
    )


def run(arguments: argparse.Namespace) -> int:
    """The script's exit code."""
    stack = open_stack(arguments.stack, os.environ)
    host = stack.docker_host()
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    script = ROOT / "timer" / "start-stack"
    return subprocess.run([str(script), f"{stack.project}-{stack.name}"], env=environment, check=False).returncode
