"""The sample site as a benchmark deploys it: a stack of its own on loopback, and what it has on the engine."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from tests.e2e.deployment import Deployment, make_clone

PREFIX = os.environ.get("BENCH_PREFIX", "bench")
"""Begins the names of all that benchmarks make; another one lets two people share an engine."""

POLL_SECONDS = 0.05


@contextmanager
def site(name: str, *, port: int, edits: Mapping[str, str] | None = None, **config: str) -> Iterator[Deployment]:
    """The sample site with two replicas, deployed once; taken away afterwards, with its data.

    `edits` are made in its Pulumi.dev.yaml: each text becomes another.
    """
    with tempfile.TemporaryDirectory() as folder:
        stack = Deployment(clone=make_clone(Path(folder) / "clone", f"{PREFIX}-{name}"), stack="dev", port=port)
        for old, new in (edits or {}).items():
            stack.clone.edit("Pulumi.dev.yaml", old, new)
        stack.erase()
        stack.set(**{"httpPort": str(port), "webReplicas": "2"} | config)
        try:
            stack.up()
            yield stack
        finally:
            stack.pulumi("destroy", "--yes", check=False)
            stack.erase()


def app_build(
    stack: Deployment, python_image: str, tag: str, *, folder: str = "sample", settings: str = "hedgerow.settings"
) -> list[str]:
    """The docker command that builds the site's image from the clone, as the stack does."""
    arguments = [f"--build-arg=PYTHON_IMAGE={python_image}", f"--build-arg=DJANGO_SETTINGS_MODULE={settings}"]
    if "buildCaFile" in stack.pulumi("config").stdout:
        arguments.append(f"--build-arg=CA_IMAGE={stack.prefix}/build-ca:latest")
    return ["docker", "build", "--quiet", f"--tag={tag}", "--file=images/app/Dockerfile", *arguments, folder]


def start_until_healthy(container: Any) -> None:
    """Start a container that was stopped, and wait until it is healthy."""
    container.start()
    while container.client.api.inspect_container(container.id)["State"]["Health"]["Status"] != "healthy":
        time.sleep(POLL_SECONDS)


def change_code(stack: Deployment, word: str) -> None:
    """Change a line of the site's source: the next `up` has a release to make."""
    (stack.clone.path / "sample" / "templates" / "robots.txt").write_text(word)


def inventory(stack: Deployment) -> dict[str, int]:
    """How many things the stack has on the engine, by kind."""
    client = docker.from_env()
    own = {"label": f"django-stack.stack={stack.prefix}"}
    [nginx] = [found for found in stack.containers("nginx") if found.status == "running"][:1]
    listed = nginx.exec_run(["sh", "-c", "ls -A /run/web"]).output.decode().split()
    return {
        "containers": len(stack.containers()),
        "images": len(images(stack)),
        "volumes": len(client.volumes.list(filters=own)),
        "networks": len(client.networks.list(filters=own)),
        "sockets": len(listed),
    }


def images(stack: Deployment) -> list[str]:
    """Tags of the stack's images."""
    tags = [tag for image in docker.from_env().images.list() for tag in image.tags]
    return sorted(tag for tag in tags if tag.startswith(f"{stack.prefix}/"))


def release_through_nginx(stack: Deployment) -> str:
    """The release that answers a visitor."""
    return stack.get("/health/", headers={"X-Stack-Probe": "1"}).headers.get("X-Stack-Release", "")
