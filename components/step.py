"""Steps of a deployment that are commands: docker commands, and the steps of a release."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi
from pulumi_command import local

from components.spec import OPEN_FILES, ContainerSpec, Placement, cpus_text

_ROOT = Path(__file__).resolve().parent.parent


def docker_run(spec: ContainerSpec, *, interactive: bool = False) -> str:
    """The shell command that runs the container once, to its end, and removes it. Its image must be a plain value.

    One that an interrupted run has left behind is taken away first.
    """
    interaction = ["--interactive"] if interactive else []
    again = f"docker rm --force {shlex.quote(spec.name)} >/dev/null 2>&1; "
    return again + shlex.join(docker_words(spec, *interaction))


def docker_words(spec: ContainerSpec, *flags: str) -> list[str]:
    """`docker run` and its words for a container; it is removed when it ends."""
    words = ["docker", "run", "--rm", "--pull=never", f"--name={spec.name}", *flags]
    words += ["--no-healthcheck"]  # a step is judged by how it ends, not by the check of the image's service
    words += [f"--label={key}={value}" for key, value in spec.all_labels.items()]
    words += [
        f"--cpus={cpus_text(spec.limits)}",
        f"--memory={spec.limits.memory_mb}m",
        f"--memory-swap={spec.limits.memory_mb}m",
        f"--pids-limit={spec.limits.pids}",
        f"--ulimit=nofile={OPEN_FILES}:{OPEN_FILES}",
        f"--user={spec.user}",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges:true",
    ]
    words += [f"--tmpfs={path}:size={size}m,mode=1777" for path, size in sorted(spec.tmpfs_mb.items())]
    words += [f"--volume={m.volume}:{m.path}{':ro' if m.read_only else ''}" for m in spec.mounts]
    words += ["--init"] if spec.init else []
    words += [f"--env={key}={value}" for key, value in sorted(spec.env.items())]
    words += [f"--network={network}" for network in spec.networks]
    words += [f"--network={spec.network_mode}"] if spec.network_mode else []
    words += [f"--entrypoint={spec.entrypoint[0]}"] if spec.entrypoint else []
    return [*words, str(spec.image), *spec.entrypoint[1:], *spec.command]


def docker_command(
    name: str,
    create: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    placement: Placement,
    *,
    again: pulumi.Input[str] = "",
    stdin: pulumi.Input[str] | None = None,
) -> local.Command:
    """A step that runs a docker command on the stack's engine; it runs again when its text or `again` changes."""
    return local.Command(
        name, create=create, stdin=stdin, environment=step_environment(placement, {"AGAIN_FOR": again}), opts=opts
    )


def release_step(
    name: str,
    words: Sequence[str],
    opts: pulumi.ResourceOptions,
    placement: Placement,
    *,
    again: pulumi.Input[str] = "",
    environment: Mapping[str, pulumi.Input[str]] | None = None,
) -> local.Command:
    """A step of a release, `python -m release WORDS`; it runs again when anything that it is given changes."""
    values = {"AGAIN_FOR": again} | dict(environment or {})
    create = f"{placement.python} -m release {shlex.join(words)}"
    return local.Command(name, create=create, environment=step_environment(placement, values), opts=opts)


def timer_step(
    name: str,
    opts: pulumi.ResourceOptions,
    placement: Placement,
    *,
    begin: Sequence[str],
    end: Sequence[str],
    script: str,
) -> local.Command:
    """A host timer, `python -m timer BEGIN`, that destroying the step takes away by `python -m timer END`.

    Another `script`, which is what runs, is put in place of it.
    """
    timer = f"{placement.python} -m timer"
    return local.Command(
        name,
        create=f"{timer} {shlex.join(begin)}",
        delete=f"{timer} {shlex.join(end)}",
        environment=step_environment(placement, {"SCRIPT": script}),
        opts=opts,
    )


def step_environment(
    placement: Placement, values: Mapping[str, pulumi.Input[str]]
) -> dict[str, pulumi.Input[str]] | None:
    """What a step is told beside its words: the engine, where this package is, and `values`; without what is empty."""
    path = os.path.relpath(_ROOT)
    every = {"DOCKER_HOST": placement.docker_host, "PYTHONPATH": "" if path == "." else path} | dict(values)
    return {key: value for key, value in every.items() if value != ""} or None
