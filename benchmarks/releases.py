"""Twenty deploys, one in each run of load: requests that failed, the longest gap, the latency of the switch."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from benchmarks._under_load import load, together, worst
from tests.e2e.deployment import Deployment, make_clone
from tests.e2e.test_releases import records
from wrapper.report import Control, Measure, Report

PORT = 18474
DEPLOYS, RATE = 20, 60.0
LEAST_SECONDS = 29.0
"""Of one run of load: at least 5,000 requests."""


@contextmanager
def site() -> Iterator[Deployment]:
    """The sample site, watched for 5 s after each release."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Deployment(clone=make_clone(Path(folder) / "clone", "bench"), stack="dev", port=PORT)
        stack.erase()
        stack.set(httpPort=str(PORT), bakeSeconds="5", webReplicas="2")
        stack.up()
        try:
            yield stack
        finally:
            stack.pulumi("destroy", "--yes")
            stack.erase()


def changes(stack: Deployment) -> list[tuple[str, Callable[[], None]]]:
    """What the deploys change, in turn: code, config, scale, Nginx, and two at once."""
    page = stack.clone.path / "sample" / "templates" / "robots.txt"

    def code(number: int) -> Callable[[], None]:
        def change() -> None:
            page.write_text(f"deploy {number}\n")

        return change

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


def busy_but_quiet(stack: Deployment) -> dict[str, Any]:
    """The same load while as many containers of the same image start as in a deploy, and no traffic moves."""
    client = docker.from_env()
    image = stack.containers("web")[0].image.id
    code = "import django.core.handlers.wsgi, django.contrib.admin, PIL.Image; import time; time.sleep(20)"
    with load(port=stack.port, rate=RATE, least_seconds=LEAST_SECONDS) as report:
        started = [client.containers.run(image, ["python", "-c", code], detach=True) for _ in range(6)]
        time.sleep(6)
        for container in started:
            container.remove(force=True)
    return report


def bare_restart(stack: Deployment) -> dict[str, Any]:
    """The control: what the load sees of `docker restart` on the web containers."""
    with load(port=stack.port, rate=RATE) as report:
        subprocess.run(["docker", "restart", "--time=0", *stack.names(["web"])], check=True, capture_output=True)
        time.sleep(5)
    return report


def main() -> Report:
    runs: list[dict[str, Any]] = []
    with site() as stack:
        for name, change in changes(stack):
            change()
            with load(port=stack.port, rate=RATE, least_seconds=LEAST_SECONDS) as report:
                told = stack.up("--skip-preview").stdout
            proof = next((line for line in told.splitlines() if "proof:" in line), "").partition("proof: ")[2]
            runs.append(report | {"change": name, "proof": proof})
            print(
                f"{len(runs):2} {name:14} {report['requests']} requests, {report['failed']} failed; {proof}", flush=True
            )
        quiet = [busy_but_quiet(stack) for _ in range(3)]
        restart = bare_restart(stack)
        ledger = [record for record in records(stack) if record["result"] == "live"]
    sums = together(runs)
    live = [record["healthy_to_live_seconds"] for record in ledger if record["healthy_to_live_seconds"] is not None]
    p99 = statistics.median(worst([run], "p99_ms") for run in runs) / statistics.median(
        worst([run], "p99_ms") for run in quiet
    )
    return Report(
        title="Twenty deploys under load",
        measures=[
            Measure(name="requests", value=sums["requests"], unit="requests", at_least=100_000),
            Measure(name="failed", value=sums["failed"], unit="requests", at_most=0),
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
            Measure(name="p99 in a deploy / under the same CPU load without one", value=p99, unit="x", at_most=2),
            Measure(name="from healthy to all traffic, median", value=statistics.median(live), unit="s", at_most=1),
        ],
        controls=[
            Control(
                name="docker restart of the web containers under the same load",
                failed=restart["failed"] > 0,
                detail=f"{restart['failed']} of {restart['requests']} requests failed",
            )
        ],
        raw={"runs": runs, "quiet": quiet, "restart": restart, "healthy_to_live": live},
    )
