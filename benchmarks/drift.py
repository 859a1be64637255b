"""Every kind of drift of tests/e2e/drifts_inside.py, seeded one after the other, found, named and mended.

BENCH_DRIFTS=5 makes a short one of it.
"""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from typing import Any

from benchmarks._machine import watched
from benchmarks._site import site
from tests.e2e.deployment import Deployment, server_stack
from tests.e2e.drifts import Drift
from tests.e2e.drifts_inside import DRIFTS
from wrapper.report import Control, Measure, Report

PORT = 8470
SERVER_PORTS = {"staging": 8471, "prod": 8472}
MOST = int(os.environ.get("BENCH_DRIFTS", len(DRIFTS)))
IDLE_RUNS = 10
SERVER_RUNS = 15
"""Idle looks at staging and at prod."""
REPLICAS = 17
"""With the edge, Nginx and PostgreSQL twenty containers."""
SECONDS = 5.0
LONGEST_ILLNESS_SECONDS = 120.0


def look(stack: Deployment, *words: str) -> dict[str, Any]:
    """`./ops drift --json`, with its exit code and how long it took."""
    start = time.monotonic()
    environment = os.environ | dict(stack.environment)
    done = stack.clone.run("./ops", "drift", "--stack", stack.stack, "--json", *words, env=environment)
    seconds = round(time.monotonic() - start, 2)
    try:
        content: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        content = {"drift": [], "program": [], "unread": [done.stderr[-500:]]}
    return content | {"exit_code": done.returncode, "seconds": seconds, "told": done.stderr[-2000:]}


def findings(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the state and of the program."""
    return [*found["drift"], *found["program"]]


def names(drift: Drift, found: Sequence[dict[str, Any]]) -> bool:
    """Whether every finding that must be made is, and one of them names the thing."""
    own = [each for each in found if each["id"].removeprefix("drift.") in drift.ids]
    whole = {each["id"].removeprefix("drift.") for each in own} == {*drift.ids}
    return whole and any(drift.what in each["what"] for each in own) and all(each["mend"] for each in own)


def wait_until_well(stack: Deployment) -> None:
    """What one kind has done to a replica must not be laid to the next: connections of a role that was renamed, say."""
    deadline = time.monotonic() + LONGEST_ILLNESS_SECONDS
    while time.monotonic() < deadline:
        found = [container.attrs["State"].get("Health", {}).get("Status") for container in stack.containers()]
        if all(status == "healthy" for status in found):
            return
        time.sleep(1)


def exam(stack: Deployment, drift: Drift) -> dict[str, Any]:
    """Seed one kind, look, have the engine look, mend."""
    wait_until_well(stack)
    drift.seed(stack)
    found = look(stack)
    refreshed = stack.pulumi("refresh", "--preview-only", "--expect-no-changes", check=False)
    mended = look(stack, "--fix", "--yes-destroy")
    if drift.undo:
        drift.undo(stack)
        mended = look(stack, "--fix", "--yes-destroy")
    row = {
        "kind": drift.name,
        "expected": drift.ids,
        "named": names(drift, findings(found)) and found["exit_code"] == 2,  # noqa: PLR2004 - drift
        "found": [f"{each['id']} {each['what']}" for each in findings(found)],
        "seconds": found["seconds"],
        "seen_by_refresh": refreshed.returncode != 0,
        "mended": mended["exit_code"] == 0,
        "by_hand": drift.undo is not None,
        "left": [f"{each['id']} {each['what']}" for each in findings(mended)] + mended["unread"],
        "told": [] if mended["exit_code"] == 0 else mended["told"].splitlines()[-20:],
    }
    print(f"{drift.name}: named {row['named']}, refresh {row['seen_by_refresh']}, mended {row['mended']}", flush=True)
    if not row["mended"]:  # the next kind begins from a stack that is well
        print(f"  left: {row['left']}\n  {row['told']}", flush=True)
        with contextlib.suppress(AssertionError):
            stack.up("--refresh")
    return row


def scaled(stack: Deployment) -> list[dict[str, Any]]:
    """Looks at twenty containers without drift."""
    stack.set(webReplicas=str(REPLICAS), gunicornThreads="1", postgresMemoryMb="1100")
    stack.up("--skip-preview")
    return [look(stack) for _ in range(IDLE_RUNS)]


def servers(dev: Deployment) -> list[dict[str, Any]]:
    """Looks at the other two environments of the clone, which nobody has touched."""
    found = []
    for name, port in SERVER_PORTS.items():
        stack = server_stack(dev.clone, name, port=port)
        stack.set(protectData="false")
        try:
            stack.up()
            found += [look(stack) for _ in range(SERVER_RUNS)]
        finally:
            stack.pulumi("destroy", "--yes", check=False)
            stack.erase()
    return found


def main() -> Report:
    with watched() as machine, site("drift", port=PORT, bakeSeconds="0") as stack:
        idle = [look(stack) for _ in range(IDLE_RUNS)]
        idle += servers(stack)
        rows = [exam(stack, drift) for drift in DRIFTS[:MOST]]
        idle.append(look(stack))
        many = scaled(stack)
        containers = len(stack.containers())
    false = [each for look_ in (*idle, *many) for each in (*findings(look_), *look_["unread"])]
    unseen = [row["kind"] for row in rows if not row["seen_by_refresh"]]
    return Report(
        title="Drift that must be found",
        measures=[
            Measure(name="kinds of drift", value=len(rows), unit="", at_least=min(25, MOST)),
            Measure(name="found and named", value=sum(row["named"] for row in rows), unit="", at_least=len(rows)),
            Measure(name="idle looks", value=len(idle) + len(many), unit="", at_least=50),
            Measure(name="environments", value=1 + len(SERVER_PORTS), unit="", at_least=3),
            Measure(name="false findings in idle looks", value=len(false), unit="", at_most=0),
            Measure(
                name="mended, by a person where it must be",
                value=sum(row["mended"] for row in rows),
                unit="",
                at_least=len(rows),
            ),
            Measure(
                name="mended by --fix alone", value=sum(row["mended"] and not row["by_hand"] for row in rows), unit=""
            ),
            Measure(name="containers", value=containers, unit="", at_least=20),
            Measure(
                name=f"longest look at {containers} containers",
                value=max(each["seconds"] for each in many),
                unit="s",
                at_most=SECONDS,
            ),
            *machine,
        ],
        controls=[
            Control(
                name="`pulumi refresh --preview-only` of the same drift",
                failed=len(unseen) > 0,
                detail=f"{len(unseen)} of {len(rows)} kinds not seen",
            )
        ],
        raw={"rows": rows, "idle": idle, "many": many, "unseen": unseen},
    )
