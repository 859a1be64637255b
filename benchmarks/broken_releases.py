"""Releases broken in every way of tests/e2e/breakages.py, under load; ten in a row; the release after each."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks._machine import watched
from benchmarks._site import change_code, inventory, release_through_nginx, site
from benchmarks._under_load import together
from tests.e2e.breakages import BREAKAGES, Breakage
from tests.e2e.deployment import Deployment
from tests.e2e.test_releases import broken, serving
from tests.load.traffic import LONGEST_SECONDS, load
from wrapper.report import Control, Measure, Report

PORT = 8450
RATE = 25.0
IN_A_ROW = 10
QUICK = ("crash at start", "health passes, pages answer 500", "migration fails", "import fails", "library missing")
"""Breakages that fail at once, for the failures in a row."""
HARMLESS = Breakage(
    name="harmless change",
    file="sample/templates/robots.txt",
    old="",
    new="# nothing is wrong with this\n",
    told=("gate.E003",),
)
"""Not broken at all: the exam must find that it has not failed."""


def attempt(stack: Deployment, breakage: Breakage) -> dict[str, Any]:
    """Deploy a broken release under load: what the person is told, and what visitors notice."""
    before, live = serving(stack), release_through_nginx(stack)
    with broken(stack, breakage), load(port=stack.port, rate=RATE) as report:
        start = time.monotonic()
        up = stack.up("--skip-preview", check=False)
        seconds = time.monotonic() - start
    told = up.stdout + up.stderr
    untold = [word for word in breakage.told if word not in told]
    return {
        "kind": breakage.name,
        "exit_code": up.returncode,
        "untold": untold,
        "old_release_serves": serving(stack) == before and release_through_nginx(stack) == live,
        "seconds": round(seconds, 1),
        "load": report,
        "told": told.splitlines()[-40:] if untold else [],
    }


def recover(stack: Deployment, word: str) -> dict[str, Any]:
    """Deploy a good release with nothing cleaned by hand, under load."""
    change_code(stack, word)
    with load(port=stack.port, rate=RATE) as report:
        up = stack.up("--skip-preview", check=False)
    release = stack.pulumi("stack", "output", "release", check=False).stdout.strip()
    works = up.returncode == 0 and release_through_nginx(stack) == release
    return {"works": works, "load": report, "told": [] if works else (up.stdout + up.stderr).splitlines()[-40:]}


def faults(attempted: Mapping[str, Any]) -> list[str]:
    """What is wrong with how a broken release failed."""
    report = attempted["load"]
    found = {
        "the exit code is 0": attempted["exit_code"] == 0,
        f"the message lacks {attempted['untold']}": bool(attempted["untold"]),
        f"{report['failed']} requests failed": report["failed"] > 0,
        "the release before does not serve as it did": not attempted["old_release_serves"],
    }
    return [fault for fault, there in found.items() if there]


def outlasted(attempted: Mapping[str, Any]) -> bool:
    """Whether the load ended before the deploy did: on a busy machine it may, and has not seen all of it then."""
    return bool(attempted["seconds"] > LONGEST_SECONDS - 2)


@contextmanager
def varied(stack: Deployment, number: int) -> Iterator[None]:
    """A comment in the source: the same breakage is another release."""
    path = stack.clone.path / "sample" / "hedgerow" / "urls.py"
    before = path.read_text()
    path.write_text(f"{before}\n# try {number}\n")
    try:
        yield
    finally:
        path.write_text(before)


def failures_in_a_row(stack: Deployment) -> list[dict[str, Any]]:
    """Ten broken releases with no good one between them; what the stack has on the engine after each."""
    quick = [each for each in BREAKAGES if each.name in QUICK]
    rows = []
    for number in range(IN_A_ROW):
        with varied(stack, number):
            row = attempt(stack, quick[number % len(quick)])
        rows.append(row | {"inventory": inventory(stack)})
        print(f"in a row {number + 1:2} {row['kind']}: {rows[-1]['inventory']} {faults(row)}", flush=True)
    return rows


def replicas_killed(stack: Deployment) -> dict[str, Any]:
    """The control: what the load sees when the old containers are gone before the new ones are there."""
    with load(port=stack.port, rate=RATE) as report:
        names = list(serving(stack))
        subprocess.run(["docker", "kill", *names], check=True, capture_output=True)
        time.sleep(1)
        subprocess.run(["docker", "start", *names], check=True, capture_output=True)
        time.sleep(4)
    return report


def piled(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Of what there is more than there was."""
    return dict(Counter(after) - Counter(before))


def main() -> Report:
    with watched() as machine, site("broken", port=PORT, bakeSeconds="3") as stack:
        kinds, good = [], []
        for number, breakage in enumerate(BREAKAGES):
            kinds.append(attempt(stack, breakage))
            good.append(recover(stack, f"good {number}"))
            print(f"{breakage.name}: {faults(kinds[-1]) or 'as it must'}; next: {good[-1]['works']}", flush=True)
        before = inventory(stack)
        row = failures_in_a_row(stack)
        good.append(recover(stack, "good after ten"))
        after = inventory(stack)
        harmless = attempt(stack, HARMLESS)
        killed = replicas_killed(stack)
    every = [*kinds, *row]
    sums, sums_good = (together([each["load"] for each in some]) for some in (every, good))
    requests, retried = (sums[key] + sums_good[key] for key in ("requests", "retried"))
    first, last = row[0]["inventory"], row[-1]["inventory"]
    return Report(
        title="Releases that must not go live",
        measures=[
            Measure(name="kinds of breakage", value=len(kinds), unit="", at_least=12),
            Measure(
                name="that failed as they must",
                value=sum(not faults(each) for each in kinds),
                unit="",
                at_least=len(BREAKAGES),
            ),
            Measure(
                name="good releases after them that work",
                value=sum(each["works"] for each in good),
                unit="",
                at_least=len(good),
            ),
            Measure(name="requests", value=requests, unit="requests"),
            Measure(
                name="failed while a broken release was deployed", value=sums["failed"], unit="requests", at_most=0
            ),
            Measure(
                name="failed while the good release after it was", value=sums_good["failed"], unit="requests", at_most=0
            ),
            Measure(
                name="retried on a reused connection, per 1,000",
                value=retried / requests * 1000,
                unit="requests",
                at_most=1,
            ),
            Measure(name="deploys that outlasted their load", value=sum(map(outlasted, every)), unit="", at_most=0),
            Measure(
                name="failures in a row, as they must",
                value=sum(not faults(each) for each in row),
                unit="",
                at_least=IN_A_ROW,
            ),
            Measure(
                name="things more after the tenth failure than after the first",
                value=sum(piled(first, last).values()),
                unit="",
                at_most=0,
            ),
            Measure(
                name="things more after the next good release than before the ten",
                value=sum(piled(before, after).values()),
                unit="",
                at_most=0,
            ),
            *machine,
        ],
        controls=[
            Control(
                name="replicas killed and started again under the same load",
                failed=killed["failed"] > 0,
                detail=f"{killed['failed']} of {killed['requests']} requests failed",
            ),
            Control(
                name="a harmless change, judged as a broken one",
                failed=bool(faults(harmless)),
                detail="; ".join(faults(harmless)),
            ),
        ],
        raw={
            "kinds": kinds,
            "row": row,
            "good": good,
            "before": before,
            "after": after,
            "harmless": harmless,
            "killed": killed,
        },
    )
