"""Twenty deploys, one in each run of load: requests that failed, the longest gap, the latency of the switch.

Latency is compared with that of a site beside which another one deploys the same: as much work for the machine, but no
switch. BENCH_DEPLOYS=2 makes a short one of it, which proves only that it runs.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks._machine import watched
from benchmarks._site import change_code, site
from benchmarks._under_load import failed, together, worst
from tests.e2e.deployment import Deployment
from tests.e2e.test_releases import records
from tests.load.traffic import load
from wrapper.report import Control, Measure, Report

PORT, TWIN_PORT = 18474, 18475
DEPLOYS, RATE = int(os.environ.get("BENCH_DEPLOYS", "20")), 60.0
LEAST_SECONDS, LEAST_REQUESTS = 29.0, 5_000
"""Of one run of load."""
CONFIG: dict[str, Any] = {"bakeSeconds": "5", "postgresMemoryMb": "768"}


def changes(stack: Deployment) -> list[tuple[str, Callable[[], None]]]:
    """What the deploys change, in turn: code, config, scale, Nginx, and two at once."""

    def code(number: int) -> Callable[[], None]:
        return lambda: change_code(stack, f"deploy {number}\n")

    def config(number: int) -> Callable[[], None]:
        return lambda: stack.set(environment=f'{{"DEPLOY": "{number}"}}')

    def scale(number: int) -> Callable[[], None]:
        return lambda: stack.set(webReplicas=str(2 + number % 3))

    def nginx(number: int) -> Callable[[], None]:
        return lambda: stack.set(nginxMemoryMb=str(100 + number))

    def both(number: int) -> Callable[[], None]:
        def change() -> None:
            code(number)()
            nginx(number)()

        return change

    kinds = [("code", code), ("config", config), ("scale", scale), ("code", code), ("config", config)]
    planned = [(name, make(number)) for number, (name, make) in enumerate(kinds * 4)]
    planned[7] = ("Nginx", nginx(7))
    planned[13] = ("Nginx", nginx(13))
    planned[16] = ("code and Nginx", both(16))
    return planned[:DEPLOYS]


def median_p99(reports: Iterable[dict[str, Any]]) -> float:
    """Of the slowest kind of each run, in milliseconds."""
    return statistics.median(worst([report], "p99_ms") for report in reports)


def bare_restart(stack: Deployment) -> dict[str, Any]:
    """The control: what the load sees of `docker restart` on the web containers."""
    with load(port=stack.port, rate=RATE) as report:
        subprocess.run(["docker", "restart", "--time=0", *stack.names(["web"])], check=True, capture_output=True)
        time.sleep(5)
    return report


def deploy(stack: Deployment, *, loaded: Deployment, change: tuple[str, Callable[[], None]]) -> dict[str, Any]:
    """What the load on one site sees while a change is deployed to it, or to another one."""
    name, make = change
    make()
    with load(port=loaded.port, rate=RATE, least_seconds=LEAST_SECONDS) as report:
        told = stack.up("--skip-preview").stdout
    proof = next((line for line in told.splitlines() if "proof:" in line), "").partition("proof: ")[2]
    where = "" if stack is loaded else " beside it"
    print(f"{name + where:24} {report['requests']} requests, {report['failed']} failed; {proof}", flush=True)
    return report | {"change": name, "proof": proof}


def main() -> Report:
    runs, beside = [], []
    with (
        watched() as machine,
        site("releases", port=PORT, **CONFIG) as stack,
        site("twin", port=TWIN_PORT, **CONFIG) as twin,
    ):
        for change, same in zip(changes(stack), changes(twin), strict=True):
            runs.append(deploy(stack, loaded=stack, change=change))
            beside.append(deploy(twin, loaded=stack, change=same))
        restart = bare_restart(stack)
        ledger = [record for record in records(stack) if record["result"] == "live"]
    sums = together(runs)
    live = [record["healthy_to_live_seconds"] for record in ledger if record["healthy_to_live_seconds"] is not None]
    p99 = median_p99(runs) / median_p99(beside)
    return Report(
        title=f"{DEPLOYS} deploys under load",
        measures=[
            Measure(name="requests", value=sums["requests"], unit="requests", at_least=DEPLOYS * LEAST_REQUESTS),
            *(
                Measure(name=f"failed: {kind}", value=count, unit="requests", at_most=0)
                for kind, count in failed(runs).items()
            ),
            Measure(
                name="retried on a reused connection, per 1,000",
                value=sums["retried"] / sums["requests"] * 1000,
                unit="requests",
                at_most=1,
            ),
            Measure(
                name="longest gap without a success, new connections",
                value=worst(runs, "longest_gap_ms", ("new",)) / 1000,
                unit="s",
                at_most=0.5,
            ),
            Measure(name="p99 in a deploy / beside the same deploy of another site", value=p99, unit="x", at_most=2),
            Measure(name="from healthy to all traffic, median", value=statistics.median(live), unit="s", at_most=1),
            Measure(name="from healthy to all traffic, longest", value=max(live), unit="s"),
            *machine,
        ],
        controls=[
            Control(
                name="docker restart of the web containers under the same load",
                failed=restart["failed"] > 0,
                detail=f"{restart['failed']} of {restart['requests']} requests failed",
            )
        ],
        raw={"runs": runs, "beside": beside, "restart": restart, "healthy_to_live": live},
    )
