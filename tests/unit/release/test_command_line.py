"""`python -m release STEP`: what a step says when it fails, and that it ends in order when it is told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from release import __main__ as command
from release.errors import StepError
from release.plan import Plan
from tests.unit.program import ROOT
from tests.unit.release.plans import NEW, PLAN


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """One step, in this process."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["release", *words])
    command.main()


def test_a_step_that_fails_says_why_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback: the text is written for who deploys."""

    def fail(*_: object) -> None:
        raise StepError("the gate is closed")

    monkeypatch.setattr(command, "switch", fail)
    monkeypatch.setenv("RELEASE_PLAN", PLAN.text())
    with pytest.raises(SystemExit, match=r"^the gate is closed$"):
        run(monkeypatch, "switch", NEW)


def test_a_step_is_told_its_plan_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole."""
    plans: list[Plan] = []
    monkeypatch.setattr(command, "switch", lambda _, plan, __: plans.append(plan))
    monkeypatch.setattr(command, "roll", lambda _, plan, __, ___: plans.append(plan))
    monkeypatch.setattr(command, "prepare", lambda _, plan: plans.append(plan))
    monkeypatch.setenv("RELEASE_PLAN", PLAN.text())
    for words in (["switch", NEW], ["roll", "--done=2"], ["prepare", NEW]):
        run(monkeypatch, *words)
    assert plans == [PLAN] * 3


def test_a_step_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    """As an engine tells it when the update is cancelled; what it has begun is undone as after an error."""
    (tmp_path / "docker").write_text(
        f"""#!/bin/sh
echo "$*" >> {tmp_path}/calls
case "$*" in
    *"go_live.py look"*) kill -TERM $PPID; sleep 1 ;;
    inspect*) echo '[]'; echo "Error: No such container: $3" >&2; exit 1 ;;
esac
"""
    )
    (tmp_path / "docker").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RELEASE_PLAN": PLAN.text()}
    step = [sys.executable, "-m", "release", "switch", NEW]
    done = subprocess.run(step, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"interrupted ({signal.SIGTERM.name})\n")
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "rm --force shop-prod-tools"
