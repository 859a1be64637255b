"""Reviews: how long one takes, how long its comment is, and how right verdicts and the lint of migrations are."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from quoting.markdown import LIMIT
from review import comment, digest, lint, plan, squawk
from review.evidence import Evidence
from review.verdict import judge
from tests.unit.review import test_lint, test_verdict
from tests.unit.review.evidences import LEDGER, PREFIX, container, image, known, migration, server
from tests.unit.review.plans import step, text
from wrapper.report import Control, Measure, Report

RESOURCES, STEPS, MIGRATIONS = 100, 5_000, 100
SECRET = "sentinel-41c7d2"  # noqa: S105 - what is looked for


def plan_of(number: int) -> str:
    """So many containers that all change, each with a secret among what it is made from."""
    steps = [
        step(
            "replace",
            "Container",
            f"worker-{each}",
            container(f"worker-{each}", envs=[f"API_TOKEN={SECRET}"]),
            container(f"worker-{each}", envs=[f"API_TOKEN={SECRET}{each}", f"NUMBER={each}"], memory=512 + each),
            reasons=["envs", "memory"],
        )
        for each in range(number)
    ]
    return text(steps)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return work(), time.monotonic() - began


def reviewed(preview: str) -> str:
    """The whole way from the preview's text, with a hundred migrations that are linted, to the comment."""
    migrations = [migration(f'ALTER TABLE "t{each}" ADD COLUMN "n" integer NULL;') for each in range(MIGRATIONS)]
    evidence = known(preview, image=image(*migrations), ledger=LEDGER, capacity=server())
    digest.of(plan.read(preview))
    return comment.render(evidence, judge(evidence))


def wrong_verdicts(cases: Mapping[str, tuple[str, Evidence]]) -> list[str]:
    """Changes whose verdict is another than a person's."""
    return [name for name, (word, evidence) in cases.items() if judge(evidence).word != word]


def wrong_lint() -> tuple[int, int]:
    """Unsafe statements that are not caught, and migrations and statements that are safe and caught."""
    missed = sum(found != [test_lint.UNSAFE[sql]] for sql, found in test_lint.unsafe().items())
    safe = [*(test_lint.alone(sql) for sql in test_lint.SAFE), *test_lint.third_party()]
    return missed, sum(bool(test_lint.linted(each)) for each in safe)


def main() -> Report:
    told, seconds = timed(lambda: reviewed(plan_of(RESOURCES)))
    long, long_seconds = timed(lambda: reviewed(plan_of(STEPS)))
    cases = {**test_verdict.changes_of_config(), **test_verdict.TABLE}
    wrong, (missed, alarms) = wrong_verdicts(cases), wrong_lint()
    safe = len(test_lint.SAFE) + len(test_lint.third_party())
    swapped = {name: ("safe" if word != "safe" else "dangerous", case) for name, (word, case) in cases.items()}
    unlimited = re.sub(r"\s", " ", plan_of(STEPS))
    return Report(
        title="Reviews of changes",
        measures=[
            Measure(
                name=f"review of {RESOURCES} resources, {MIGRATIONS} migrations",
                value=round(seconds, 2),
                unit="s",
                at_most=10,
            ),
            Measure(name=f"review of {STEPS} resources", value=round(long_seconds, 2), unit="s"),
            Measure(name="longest comment", value=max(len(told), len(long)), unit="characters", at_most=LIMIT),
            Measure(name="changes in the table", value=len(cases), unit="", at_least=40),
            Measure(name="wrong verdicts", value=len(wrong), unit="", at_most=0),
            Measure(name="unsafe statements", value=len(test_lint.UNSAFE), unit="", at_least=20),
            Measure(name="unsafe statements that are not caught", value=missed, unit="", at_most=0),
            Measure(name="safe migrations and statements", value=safe, unit="", at_least=40),
            Measure(name="false alarms on them", value=alarms, unit="", at_most=0),
            Measure(name="secrets in comments", value=(told + long).count(SECRET), unit="", at_most=0),
        ],
        controls=[
            Control(
                name="a lint that does not hear squawk, on the unsafe statements",
                failed=_deaf() > 0,
                detail=f"{_deaf()} are not caught",
            ),
            Control(
                name="a table of wrong verdicts",
                failed=len(wrong_verdicts(swapped)) == len(swapped),
                detail=f"{len(wrong_verdicts(swapped))} of {len(swapped)} are wrong",
            ),
            Control(
                name="the preview itself as a comment",
                failed=len(unlimited) > LIMIT and SECRET in unlimited,
                detail=f"{len(unlimited)} characters, {unlimited.count(SECRET)} secrets",
            ),
        ],
        raw={"wrong": wrong, "linter": squawk.program().rpartition("/")[2], "stack": PREFIX},
    )


def _deaf() -> int:
    """Unsafe statements that only squawk catches."""
    own = [test_lint.alone(sql) for sql in test_lint.UNSAFE]
    return sum(not lint.flaws([each], [[set()]]) for each in own)
