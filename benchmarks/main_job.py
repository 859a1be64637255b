"""The main job beside Docker itself and beside `docker compose up`: first deploy and no-op, as ratios in one run."""

import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import docker

from benchmarks._site import app_build, start_until_healthy
from tests.e2e.deployment import Deployment, make_clone
from wrapper.report import Control, Measure, Report

PORT, COMPOSE_PORT = 18471, 18472
ROUNDS = 5

# What Python itself needs: the SDK imported and the program run, with nobody to talk to.
BARE_PROGRAM = """
import runpy, pulumi
class Nothing(pulumi.runtime.Mocks):
    def call(self, args): return {}
    def new_resource(self, args): return [args.name, args.inputs]
pulumi.runtime.set_mocks(Nothing(), project="bench", stack="dev", preview=True)
from pulumi.runtime import set_all_config
set_all_config(%r, %r)
runpy.run_path("__main__.py", run_name="__main__")
"""


def seconds(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def run(*command: str, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | dict(environment or {}), text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")


class Compose:
    """The equivalent Compose file, with the values that the deployed stack has."""

    def __init__(self, stack: Deployment, folder: Path) -> None:
        self._folder = stack.clone.path / "benchmarks" / "equivalent"
        for name in ("database_password", "django_secret_key"):
            (folder / name).write_text(secrets.token_urlsafe(50))
            (folder / name).chmod(0o644)  # Compose mounts the file as it is, and the site reads it as another user
        [nginx] = stack.containers("nginx")
        conf = next(value for value in nginx.attrs["Config"]["Env"] if value.startswith("NGINX_CONF="))
        source = stack.pulumi("config", "get", "imagesFrom").stdout.strip()
        has_ca = "buildCaFile" in stack.pulumi("config").stdout
        self._environment = {
            "BASE": f"{stack.prefix}/debian:trixie",
            "SOURCE": source,
            "CA_IMAGE": f"{stack.prefix}/build-ca:latest" if has_ca else "scratch",
            "NGINX_CONF": conf.partition("=")[2],
            "PORT": str(COMPOSE_PORT),
            "SECRETS": str(folder),
        }

    def __call__(self, *words: str) -> None:
        run("docker", "compose", *words, cwd=self._folder, environment=self._environment)

    def up(self) -> None:
        self("up", "--detach", "--wait", "--quiet-pull")

    def down(self) -> None:
        self("down", "--volumes", "--timeout=5")


def days_of_no_build(count: int) -> list[str]:
    """Dates that no build has had, so that a repeated run finds nothing of an earlier one in the builder's cache."""
    first = date(1700, 1, 1)
    return [str(first + timedelta(days=day)) for day in random.sample(range(100_000), count)]


def docker_alone(stack: Deployment, day: str) -> float:
    """Seconds that Docker needs, one after the other, for the stack's image builds and container starts.

    The date `day` makes every layer after the base anew, as a first deploy does; each container is the deployed one,
    started anew until it is healthy.
    """
    client = docker.from_env()
    total = 0.0
    base, source = f"{stack.prefix}/debian:trixie", stack.pulumi("config", "get", "imagesFrom").stdout.strip()
    for family in ("python", "postgres", "nginx"):
        arguments = [f"--build-arg={k}={v}" for k, v in {"BASE": base, "SOURCE": source, "PACKAGES_DATE": day}.items()]
        command = ["docker", "build", "--quiet", f"--tag=bench/{family}", *arguments, f"images/{family}"]
        total += seconds(lambda command=command: run(*command, cwd=stack.clone.path))  # type: ignore[misc]
    command = app_build(stack, "bench/python", "bench/web")
    total += seconds(lambda: run(*command, cwd=stack.clone.path))
    for role in ("edge", "postgres", "nginx", "web"):
        for container in stack.containers(role):
            container.stop()
            total += seconds(lambda container=container: start_until_healthy(container))  # type: ignore[misc]
    for family in ("python", "postgres", "nginx", "web"):
        client.images.remove(f"bench/{family}", force=True)
    return total


def first_deploy_beside_docker(stack: Deployment) -> dict[str, float]:
    """A deploy with every image built anew, and what Docker needs for the same by itself."""
    its_day, our_day = days_of_no_build(2)
    alone = docker_alone(stack, its_day)
    stack.pulumi("destroy", "--yes")
    stack.set(packagesDate=our_day)
    ours = seconds(stack.up)
    return {"ours": ours, "docker": alone}


def first_deploy_beside_compose(stack: Deployment, compose: Compose) -> dict[str, list[float]]:
    """Both with images built, in turn."""
    times: dict[str, list[float]] = {"ours": [], "compose": []}
    for _ in range(3):
        stack.pulumi("destroy", "--yes")
        times["ours"].append(seconds(stack.up))
        compose.down()
        times["compose"].append(seconds(compose.up))
    return times


def no_op(stack: Deployment, compose: Compose) -> dict[str, list[float]]:
    """Nothing to do, in turn: preview and up, Compose, and Python with the program alone."""
    config = {
        f"{stack.clone.project}:{key}": value
        for key, value in {"httpPort": str(PORT), "publishAddress": "127.0.0.1", "httpsPort": "0"}.items()
    }
    config |= {f"{stack.clone.project}:{key}": "x" * 10 + secrets.token_urlsafe(40) for key in ("djangoSecretKey",)}
    config |= {f"{stack.clone.project}:databasePassword": secrets.token_urlsafe(40)}
    config |= {f"{stack.clone.project}:imagesFrom": stack.pulumi("config", "get", "imagesFrom").stdout.strip()}
    hidden = [f"{stack.clone.project}:djangoSecretKey", f"{stack.clone.project}:databasePassword"]
    bare = [sys.executable, "-c", BARE_PROGRAM % (config, hidden)]
    calls: dict[str, Callable[[], object]] = {
        "preview": lambda: stack.pulumi("preview", "--expect-no-changes"),
        "up": lambda: stack.up("--expect-no-changes"),
        "compose": compose.up,
        "python": lambda: run(*bare, cwd=stack.clone.path),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(seconds(call))
    return times


def main() -> Report:
    # Compiled code is kept, as wherever nobody forbids it; without that all would measure the compiler.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        sys.exit("docker compose: it is needed to measure beside it. On Debian: apt-get install docker-compose.")
    with tempfile.TemporaryDirectory() as folder:
        stack = Deployment(clone=make_clone(Path(folder) / "clone", "bench"), stack="dev", port=PORT)
        stack.erase()
        stack.set(httpPort=str(PORT))
        stack.up()
        compose = Compose(stack, Path(folder))
        try:
            compose("build", "python")
            compose("build")
            cold = first_deploy_beside_docker(stack)
            first = first_deploy_beside_compose(stack, compose)
            noop = no_op(stack, compose)
        finally:
            compose.down()
            stack.pulumi("destroy", "--yes")
            stack.erase()
    middle = {name: statistics.median(values) for name, values in noop.items()}
    ratio = statistics.median(first["ours"]) / statistics.median(first["compose"])
    return Report(
        title="The main job beside Docker and Compose",
        measures=[
            Measure(
                name="first deploy, images built anew / Docker alone",
                value=cold["ours"] / cold["docker"],
                unit="x",
                at_most=1.5,
            ),
            Measure(name="first deploy, images cached / compose up", value=ratio, unit="x", at_most=1.3),
            Measure(
                name="no-op preview / Python alone", value=middle["preview"] / middle["python"], unit="x", at_most=2
            ),
            Measure(
                name="no-op up, less 1 s / Python alone",
                value=(middle["up"] - 1) / middle["python"],
                unit="x",
                at_most=2,
            ),
            Measure(name="no-op up / compose up", value=middle["up"] / middle["compose"], unit="x", at_most=3),
        ],
        controls=[
            Control(
                name="a deploy is not a no-op: first deploy / no-op up at most 1",
                failed=statistics.median(first["ours"]) > middle["up"],
                detail=f"{statistics.median(first['ours']) / middle['up']:.1f} x",
            )
        ],
        raw={"cold": cold, "first": first, "no-op": noop},
    )
