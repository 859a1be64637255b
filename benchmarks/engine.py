"""The embedded engine: beside the real CLI and beside plain Docker, at 10 to 1,000 resources, and its memory."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.test_conformance import configure, make_project
from tests.engine.builders import container, planner, recorded
from tests.engine.real_docker import (
    Engine,
    docker,
    embedded,
    engine_environment,
    ensure_base_image,
    new_project,
    real_cli,
    remove_all,
)
from wrapper.report import Control, Measure, Report

ROUNDS = 3
CONTAINERS = 30
SIZES = (10, 100, 500, 1000)
MANY = """
import pulumi, pulumi_docker as docker
for number in range({count}):
    docker.Container(f"c-{{number}}", name=f"eng-bench-{{number}}", image="eng-base:1", init=True,
        command=["sleep", "1000000"], envs=[f"NUMBER={{number}}"])
"""


def seconds(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def one_round(engine: Engine) -> dict[str, float]:
    """The conformance program, from nothing to nothing."""
    return {
        "preview of all": seconds(lambda: engine.run("preview", expect=0)),
        "up, create": seconds(lambda: engine.run("up", "--yes", "--skip-preview", expect=0)),
        "preview of nothing": seconds(lambda: engine.run("preview", "--expect-no-changes", expect=0)),
        "up, no-op": seconds(lambda: engine.run("up", "--yes", "--skip-preview", expect=0)),
        "refresh": seconds(lambda: engine.run("refresh", "--yes", expect=0)),
        "destroy": seconds(lambda: engine.run("destroy", "--yes", expect=0)),
    }


def beside_the_cli(folder: Path) -> dict[str, dict[str, float]]:
    """The median of each, for both engines in turn; only ours where there is no CLI on PATH."""
    project = make_project(folder / "beside")
    configure(project, {})
    engines = {"ours": embedded(project), **({"cli": cli} if (cli := real_cli(project)) else {})}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            rounds[name].append(one_round(engine))
            remove_all("eng-conf-")
    return {
        name: {key: statistics.median(each[key] for each in found) for key in found[0]}
        for name, found in rounds.items()
    }


def beside_docker_run(folder: Path) -> dict[str, list[float]]:
    """30 independent containers: `up`, and the same `docker run`s in parallel, in turn."""
    engine = embedded(new_project(folder / "thirty", "thirty", MANY.format(count=CONTAINERS)))
    parallel = 4 * (os.cpu_count() or 1)

    def run(number: int) -> None:
        name = f"eng-bench-{number}"
        docker("run", "-d", "--init", "--name", name, "-e", f"NUMBER={number}", "eng-base:1", "sleep", "1000000")

    def run_all() -> None:
        with ThreadPoolExecutor(parallel) as pool:
            list(pool.map(run, range(CONTAINERS)))

    times: dict[str, list[float]] = {"ours": [], "docker run": []}
    for _ in range(ROUNDS):
        shown = engine.run("up", "--yes", "--skip-preview", expect=0).out
        times["ours"].append(float(re.findall(r"Duration: (\d+)s", shown)[-1]))
        engine.run("destroy", "--yes", "--skip-preview", expect=0)
        times["docker run"].append(seconds(run_all))
        remove_all("eng-bench-")
    return times


def previews(folder: Path) -> dict[int, dict[str, float]]:
    """By number of resources: seconds in all, CPU seconds of the engine without the program, its peak memory in MB."""
    found = {}
    for size in SIZES:
        project = new_project(folder / f"many-{size}", "many", MANY.format(count=size))
        began = time.monotonic()
        command = [sys.executable, "-m", "engine", "preview"]
        environment = {**os.environ, **engine_environment(project)}
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL)
        peak, own = 0, 0.0
        while process.poll() is None:
            peak, own = max(peak, high_water_kilobytes(process.pid)), max(own, cpu_seconds(process.pid))
            time.sleep(0.05)
        if process.returncode:
            sys.exit(f"the preview of {size} ended with {process.returncode}")
        found[size] = {"seconds": time.monotonic() - began, "own CPU": own, "memory": peak / 1024}
    return found


def cpu_seconds(pid: int) -> float:
    """What a process, without its children, has used so far; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def high_water_kilobytes(pid: int) -> int:
    """The peak of resident memory so far; 0 once the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return int((re.findall(r"VmHWM:\s+(\d+) kB", status) or [0])[0])


def plan_a_thousand() -> float:
    """CPU seconds that the planner needs for 1,000 resources that do not change."""
    goals = [container(f"web-{number}", {"envs": [f"N={number}"], "memory": 64}) for number in range(SIZES[-1])]
    states = recorded(*goals)
    subject = planner(states)
    began = time.process_time()
    for goal in goals:
        subject.plan(goal)
    subject.plan_deletes()
    return time.process_time() - began


def main() -> Report:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        remove_all("eng-conf-")
        remove_all("eng-bench-")
        ensure_base_image(folder)
        by_size = previews(folder)
        engines, thirty = beside_the_cli(folder), beside_docker_run(folder)
    planned = plan_a_thousand()
    ours, cli = engines["ours"], engines.get("cli", {})
    limits = {"preview of nothing": 1.0, "up, create": 1.0, "refresh": 1.0, "preview of all": 1.0, "destroy": 1.0}
    measures = [Measure(name=f"{key}, ours", value=ours[key], unit="s") for key in ours]
    measures += [
        Measure(name=f"{key}, ours / the CLI's", value=ours[key] / cli[key], unit="x", at_most=limits.get(key))
        for key in cli
    ]
    for key, unit in (("seconds", "s"), ("own CPU", "s")):
        measures += [
            Measure(name=f"preview of {size}, {key}", value=found[key], unit=unit) for size, found in by_size.items()
        ]
    # The SDK's own share grows faster than its program; the engine's has to keep to a line. Below 500 its start, with
    # the key being derived, is most of it and differs by more than 100 resources cost.
    fewest, half, all_of_them = (by_size[size]["own CPU"] for size in (SIZES[0], SIZES[-2], SIZES[-1]))
    slope = (all_of_them - half) / (SIZES[-1] - SIZES[-2]) * (SIZES[-2] - SIZES[0]) / (half - fewest)
    ratio = statistics.median(thirty["ours"]) / statistics.median(thirty["docker run"])
    measures += [
        Measure(name="own CPU of each further resource, from 500 on / up to 500", value=slope, unit="x", at_most=2.0),
        Measure(name="peak memory of a preview of 1,000", value=by_size[1000]["memory"], unit="MB", at_most=150),
        Measure(name="planning 1,000", value=planned, unit="s", at_most=1),
        Measure(name="up of 30 containers / docker run in parallel", value=ratio, unit="x", at_most=1.2),
    ]
    control = Control(
        name="creating everything is no no-op: up, create / up, no-op at most 1",
        failed=ours["up, create"] > ours["up, no-op"],
        detail=f"{ours['up, create'] / ours['up, no-op']:.1f} x",
    )
    raw = {"engines": engines, "thirty": thirty, "previews": by_size}
    return Report(title="The embedded engine", measures=measures, controls=[control], raw=raw)
