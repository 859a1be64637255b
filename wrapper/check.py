"""`scripts/check`: lint, format and types, without running anything."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wrapper.console import say

ROOT = Path(__file__).resolve().parent.parent

STEPS = {
    "lint": ("ruff", "check"),
    "format": ("ruff", "format", "--check"),
    "types": ("mypy",),
}
"""Name to module and arguments."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one step went."""

    name: str
    seconds: float
    exit_code: int

    @property
    def outcome(self) -> str:
        return "ok" if self.exit_code == 0 else f"FAILED ({self.exit_code})"


def run_step(name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Result:
    """Run a Python module with its output shown as it comes."""
    say(f"== {name}")
    begin = time.monotonic()
    run = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=False)
    return Result(name=name, seconds=time.monotonic() - begin, exit_code=run.returncode)


def run_all() -> list[Result]:
    return [run_step(name, command) for name, command in STEPS.items()]


def summary(results: Sequence[Result]) -> str:
    """A table of names, seconds and outcomes."""
    lines = [f"{each.name:<8} {each.seconds:>7.1f} s  {each.outcome}" for each in results]
    total = f"{'total':<8} {sum(each.seconds for each in results):>7.1f} s"
    return "\n".join([*lines, total])


def exit_code(results: Sequence[Result]) -> int:
    """The first failure's, or 0."""
    return next((result.exit_code for result in results if result.exit_code), 0)


def main() -> int:
    results = run_all()
    say(summary(results))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(main())
