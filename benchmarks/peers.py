"""Deploys of the same site under the same load, beside peers: Compose, docker-rollout, kamal-proxy, and ours.

The peers' programs are found on PATH or by DOCKER_ROLLOUT, KAMAL_PROXY and DOCKER_GEN; those that are not there are
left out, and the report says so.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from benchmarks._beside import (
    BY_NAME,
    FOLDER,
    KAMAL_PORT,
    NGINX_PORT,
    PROJECT,
    REPLICAS,
    Beside,
    compose,
    listed,
    program,
)
from benchmarks._machine import load_per_cpu, watched
from benchmarks._site import change_code, site
from benchmarks._under_load import failed, together, worst
from tests.e2e.deployment import Deployment
from tests.load.traffic import LONGEST_SECONDS, load
from wrapper.report import Control, Measure, Report

PORT = 8455
DEPLOYS, RATE = 3, 40.0
LEAST_SECONDS, QUIET_SECONDS = 25.0, 12.0
DRAIN = "touch /tmp/drain && sleep 10"
"""What docker-rollout's manual has a replica do before it stops; its health check then fails within 4 s."""

Deploy = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to deploy: each deploy in a run of load of its own, and one run without any."""

    name: str
    quiet: dict[str, Any]
    runs: list[dict[str, Any]]

    @property
    def figures(self) -> dict[str, float]:
        p99 = statistics.median(worst([run], "p99_ms") for run in self.runs)
        return {
            "requests": sum(run["requests"] for run in self.runs),
            **{f"failed: {kind}": count for kind, count in failed(self.runs).items()},
            "failed without a deploy": self.quiet["failed"],
            "retried on a reused connection": sum(run["retried"] for run in self.runs),
            "longest gap, s": worst(self.runs, "longest_gap_ms", ("new",)) / 1000,
            "p99 in a deploy, ms": p99,
            "p99 in a deploy / without one": p99 / max(worst([self.quiet], "p99_ms"), 0.1),
            "seconds of a deploy, median": statistics.median(run["seconds"] for run in self.runs),
            "machine: load average per CPU, median": statistics.median(run["load_per_cpu"] for run in self.runs),
        }


def measured(name: str, port: int, deploy: Deploy) -> Row:
    """Some deploys, each under load."""
    wait_until_answered(port)
    with load(port=port, rate=RATE) as quiet:
        time.sleep(QUIET_SECONDS)
    runs = []
    for number in range(1, DEPLOYS + 1):
        with load(port=port, rate=RATE, least_seconds=LEAST_SECONDS) as report:
            start = time.monotonic()
            deploy(number)
            report["seconds"] = round(time.monotonic() - start, 1)
            report["load_per_cpu"] = load_per_cpu()
        runs.append(report)
        print(f"{name} {number}: {report['failed']} of {report['requests']} failed, {report['seconds']} s", flush=True)
    return Row(name=name, quiet=quiet, runs=runs)


def wait_until_answered(port: int) -> None:
    """Raises TimeoutError when the site does not answer within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://127.0.0.1:{port}/health/", headers={"Host": "localhost"}, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.3)
    raise TimeoutError(f"port {port}: the site must answer before its deploys are measured (got nothing in 60 s).")


def ours(stack: Deployment) -> Row:
    """`up` with a change of the code: it builds the image, and all the rest, under load."""

    def deploy(number: int) -> None:
        change_code(stack, f"deploy {number}\n")
        stack.up("--skip-preview")

    return measured("django-stack", stack.port, deploy)


def by_compose(beside: Beside, images: Sequence[str]) -> Row:
    """`docker compose up -d` with an image that has changed."""
    beside("up", "--detach", "--wait", "web")
    beside.proxy(BY_NAME)

    def deploy(number: int) -> None:
        beside.migrate(images[number])
        beside("up", "--detach", "--wait", "web", image=images[number])

    return measured("docker compose up", NGINX_PORT, deploy)


def by_rollout(beside: Beside, images: Sequence[str], rollout: Path, hook: str, name: str) -> Row:
    """`docker rollout web`, before an Nginx that is set up already."""
    words = ["sh", str(rollout), "rollout", "-f", f"{FOLDER}/compose.yaml", "-p", PROJECT]
    words += ["--pre-stop-hook", hook] if hook else []

    def deploy(number: int) -> None:
        beside.migrate(images[number])
        beside.run(*words, "web", image=images[number])

    return measured(name, NGINX_PORT, deploy)


def by_kamal_proxy(beside: Beside, images: Sequence[str]) -> Row:
    """New containers, `kamal-proxy deploy`, and the old ones stopped when it has returned, as Kamal does."""
    beside("--profile=kamal", "up", "--detach", "kamal")
    beside("rm", "--stop", "--force", "web")
    running: list[str] = []

    def deploy(number: int) -> None:
        beside.migrate(images[number])
        started = [f"{PROJECT}-web-{number}-{replica}" for replica in range(1, REPLICAS + 1)]
        for name in started:
            beside("run", "--detach", "--no-deps", f"--name={name}", "web", image=images[number])
        words = [f"--target={name}:8000" for name in started]
        words += ["--health-check-path=/health/", "--health-check-host=localhost", "--deploy-timeout=60s"]
        beside.run("docker", "exec", f"{PROJECT}-kamal-1", "kamal-proxy", "deploy", "site", *words)
        if running:
            beside.run("docker", "stop", "--time=30", *running)
            beside.run("docker", "rm", *running)
        running[:] = started

    try:
        deploy(0)
        return measured("kamal-proxy deploy", KAMAL_PORT, deploy)
    finally:
        subprocess.run(["docker", "rm", "--force", *running], check=False, capture_output=True)


def rows_of(beside: Beside, images: Sequence[str], kamal: Path | None) -> tuple[list[Row], list[str]]:
    """Every peer that is there, and a sentence about each that is not."""
    rows, absent = [by_compose(beside, images)], []
    rollout, docker_gen = program("DOCKER_ROLLOUT", "docker-rollout"), program("DOCKER_GEN", "docker-gen")
    if rollout:
        rows.append(by_rollout(beside, images, rollout, "", "docker rollout"))
    else:
        absent.append("docker-rollout: not on PATH and not at DOCKER_ROLLOUT")
    if rollout and docker_gen:
        with listed(beside, docker_gen):
            rows.append(by_rollout(beside, images, rollout, DRAIN, "docker rollout, drained"))
    else:
        absent.append("docker-rollout with draining: needs docker-gen on PATH or at DOCKER_GEN")
    if kamal:
        rows.append(by_kamal_proxy(beside, images))
    else:
        absent.append("kamal-proxy: not on PATH and not at KAMAL_PROXY")
    return rows, absent


def main() -> Report:
    kamal = program("KAMAL_PROXY", "kamal-proxy")
    with watched() as machine, ExitStack() as until:
        stack = until.enter_context(site("peers", port=PORT, bakeSeconds="5"))
        folder = Path(until.enter_context(tempfile.TemporaryDirectory()))
        rows = [ours(stack)]
        beside = until.enter_context(compose(stack, folder, kamal))
        images = [beside.image(number) for number in range(DEPLOYS + 1)]
        others, absent = rows_of(beside, images, kamal)
        rows += others
    for sentence in absent:
        print(f"not measured: {sentence}", flush=True)
    lost = {row.name: together(row.runs)["failed"] for row in rows}
    late = sum(run["seconds"] > LONGEST_SECONDS - 3 for row in rows for run in row.runs)
    return Report(
        title="Deploys beside peers",
        measures=[
            Measure(name="django-stack: failed requests", value=lost["django-stack"], unit="requests", at_most=0),
            Measure(name="deploys that outlasted their load", value=late, unit="", at_most=0),
            Measure(name="ways to deploy that were measured", value=len(rows), unit=""),
            *(
                Measure(name=f"{row.name}: {figure}", value=round(value, 3), unit="")
                for row in rows
                for figure, value in row.figures.items()
            ),
            *machine,
        ],
        controls=[
            Control(
                name="docker compose up under the same load",
                failed=lost["docker compose up"] > 0,
                detail=f"{lost['docker compose up']} requests failed",
            )
        ],
        raw={
            "absent": absent,
            "rows_by_name": {row.name: row.figures for row in rows},
            "runs": {row.name: {"quiet": row.quiet, "deploys": row.runs} for row in rows},
        },
    )
