"""Carries out a plan. The only part that changes anything."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from drift.finding import printable
from drift.mend import Plan
from drift.recorded import Recorded, Step
from release.docker_cli import Docker
from release.errors import DockerError

Tell = Callable[[str], None]


def repair(docker: Docker, recorded: Recorded, plan: Plan, *, folder: Path, tell: Tell) -> None:
    """Run the plan's docker commands and steps, and tell of each. One that fails does not keep the others from it."""
    for words in plan.docker:
        tell(printable(f"docker {' '.join(words)}"))
        try:
            docker(*words)
        except DockerError as problem:
            tell(printable(f"  it failed: {problem}"))
    for name in plan.steps:
        step = next((each for each in recorded.steps if each.name == name), None)
        if step:
            tell(f"step {name}, again")
            _run(step, folder=folder, tell=tell)


def _run(step: Step, *, folder: Path, tell: Tell) -> None:
    """As an engine would: its recorded text in a shell, from the project's folder."""
    done = subprocess.run(
        ["/bin/sh", "-c", step.create],
        cwd=folder,
        env={**os.environ, **step.environment},
        input=step.stdin,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        tell(printable(f"  it failed: {' '.join(last)}"))
