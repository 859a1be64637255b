"""What is done about findings, and what is not."""

from pathlib import Path

import pytest

from drift.finding import Finding, Mend
from drift.mend import plan
from drift.recorded import Recorded, Step
from drift.repair import repair
from drift.report import Report
from release.errors import DockerError

UPDATE = ("update", "--cpus=1", "web-1")
ANEW = Mend(docker=(("stop", "--time=5", "web-1"), ("rm", "--force", "web-1")), up=True)


def found(mend: Mend, kind: str = "C013") -> Finding:
    return Finding(id=f"drift.{kind}", what="container web-1", expected="a", found="b", mend=mend)


def report(*drift: Finding, program: tuple[Finding, ...] = ()) -> Report:
    return Report(stack="dev", drift=drift, program=program)


def test_each_command_is_run_once() -> None:
    """Though many findings have the same mend."""
    chosen = plan(report(found(Mend(docker=(UPDATE,))), found(Mend(docker=(UPDATE,)))), agreed=False)
    assert (chosen.docker, chosen.up) == ([UPDATE], False)


def test_what_is_removed_is_not_mended_first() -> None:
    """It is made anew with all of it."""
    chosen = plan(report(found(Mend(docker=(UPDATE,))), found(ANEW), found(ANEW, "C006")), agreed=False)
    assert chosen.docker == list(ANEW.docker)
    assert chosen.up


def test_nothing_harmful_is_done_without_consent() -> None:
    """It is told what it would do; all else is done."""
    harmful = found(Mend(docker=(("volume", "rm", "x"),), harm="deletes the volume"), "V003")
    chosen = plan(report(harmful, found(Mend(docker=(UPDATE,)))), agreed=False)
    assert chosen.docker == [UPDATE]
    assert chosen.refused == ["drift.V003 container web-1: deletes the volume"]
    assert plan(report(harmful), agreed=True).docker == [("volume", "rm", "x")]


def test_an_up_does_not_deploy_unasked() -> None:
    """Where the program declares something else than the state has, it would."""
    differs = (found(Mend(by_hand="./pulumiw up"), "D002"),)
    chosen = plan(report(found(Mend(up=True)), found(Mend(docker=(UPDATE,))), program=differs), agreed=False)
    assert (chosen.docker, chosen.up, len(chosen.refused)) == ([UPDATE], False, 1)
    assert plan(report(found(Mend(up=True)), program=differs), agreed=True).up


def test_what_only_a_person_can_do_is_left_to_one() -> None:
    """And named."""
    chosen = plan(report(found(Mend(by_hand="look at its log"))), agreed=True)
    assert not chosen.does_something
    assert chosen.by_hand == ["drift.C013 container web-1: look at its log"]


def test_a_repair_goes_on_after_a_failure_and_tells_it(tmp_path: Path) -> None:
    """Commands first, then steps, in the project's folder with what they are given."""
    calls: list[tuple[str, ...]] = []

    def docker(*words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:
        assert (stdin, check, both) == ("", True, False)
        calls.append(words)
        if words == UPDATE:
            raise DockerError("docker update: no such container")
        return ""

    steps = [
        Step(name="good", create='cat > "$WHERE"', environment={"WHERE": "said"}, stdin="hello", printed=""),
        Step(name="bad", create="echo no such luck >&2; exit 3", environment={}, stdin="", printed=""),
    ]
    told: list[str] = []
    chosen = plan(
        report(
            found(Mend(docker=(UPDATE,))),
            found(Mend(docker=(("start", "db"),))),
            found(Mend(step="good")),
            found(Mend(step="bad")),
            found(Mend(step="unknown")),
        ),
        agreed=False,
    )
    repair(docker, Recorded(prefix="x", steps=steps), chosen, folder=tmp_path, tell=told.append)
    assert calls == [UPDATE, ("start", "db")]
    assert (tmp_path / "said").read_text() == "hello"
    assert [line for line in told if "failed" in line] == [
        "  it failed: docker update: no such container",
        "  it failed: no such luck",
    ]


@pytest.mark.parametrize("agreed", [False, True])
def test_without_drift_there_is_nothing_to_do(agreed: bool) -> None:
    """Whatever was agreed to."""
    assert not plan(report(), agreed=agreed).does_something
