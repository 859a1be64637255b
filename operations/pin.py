"""`./ops pin`: the base images of a stack, by digest, so that every deployment has the same ones."""

import argparse
import os
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import config_schema
from operations.command import add_command
from operations.errors import OperationError
from operations.registry import EngineRegistry, Registry, RegistryError
from operations.stack import open_stack
from preflight.server import UnreachableError

IMAGES = ("pythonImage", "postgresImage", "nginxImage")

_DESCRIPTION = """\
Resolves the tags of the stack's base images (pythonImage, postgresImage, nginxImage) to what they are now, and writes
name:tag@sha256:… into the stack config: every deployment has the same images from then on, until the next pin. The
Docker Engine asks the registries, with the user's logins. Where imagesFrom is debian, there is no registry: it sets
packagesDate to today instead, so that the next deployment installs the updates of today.

Nothing is written unless everything could be resolved. Nothing is deployed: `./pulumiw preview` shows what would be.
"""


def add_to(commands: Any, shared: argparse.ArgumentParser) -> None:
    add_command(
        commands,
        "pin",
        run,
        shared=shared,
        summary="write the digests of the base images into the stack config",
        description=_DESCRIPTION,
    )


def run(arguments: argparse.Namespace) -> int:
    """Pin and tell. Raises OperationError."""
    stack = open_stack(arguments.stack, os.environ)
    stack.require_config()
    before = settings_of(stack.values(), project=stack.project, project_file=stack.folder / "Pulumi.yaml")
    if before["imagesFrom"] == "debian":
        after = {"packagesDate": datetime.now(tz=UTC).date().isoformat()}
    else:
        after = _resolved(before, stack.docker_host())
    changed = {key: value for key, value in after.items() if value != before[key]}
    if changed:
        stack.write(changed)
    print(report(before, after, where=stack.written_name))
    return 0


def settings_of(values: Mapping[str, Any], *, project: str, project_file: Path) -> dict[str, str]:
    """The keys that matter here, with Pulumi.yaml's defaults. Raises OperationError on one that is wrong."""
    keys = config_schema.declared_keys(project_file)
    found: dict[str, str] = {}
    for name in ("imagesFrom", "packagesDate", *IMAGES):
        text = str(values.get(f"{project}:{name}", keys[name].default))
        try:
            found[name] = config_schema.parse(keys[name], text)
        except ValueError as broken:
            raise OperationError(f"{name}: {broken} (got {text!r}). Set it with ./pulumiw config set.") from broken
    return found


def pinned(images: Mapping[str, str], registry: Registry) -> dict[str, str]:
    """Every image as `name:tag@digest`, by key. Raises OperationError that names all that cannot be resolved.

    An image that has a digest and no tag says exactly what it wants, and stays.
    """
    found, problems = {}, []
    for key, image in images.items():
        name, _, digest = image.partition("@")
        if digest and ":" not in name.rpartition("/")[2]:
            found[key] = image
            continue
        try:
            found[key] = f"{_tagged(name)}@{registry.digest(_tagged(name))}"
        except RegistryError as error:
            problems.append(f"{key}: {_tagged(name)} must be in its registry, and within reach (got {error}).")
    if problems:
        cure = (
            "Nothing was written. Correct the name or the tag, run `docker login` if the registry asks for it, or check"
            " the Docker Engine's way to it."
        )
        raise OperationError("\n  ".join([*problems, cure]))
    return found


def report(before: Mapping[str, str], after: Mapping[str, str], *, where: str) -> str:
    """What was done, one line for each key."""
    lines = [
        f"{key}: {value}" + (f" (was {before[key] or 'not set'})" if value != before[key] else " (as it was)")
        for key, value in after.items()
    ]
    done = any(value != before[key] for key, value in after.items())
    end = f"Written to {where}. See what it would change: ./pulumiw preview" if done else "Nothing to write."
    return "\n".join([*lines, end])


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _resolved(before: Mapping[str, str], docker_host: str) -> dict[str, str]:
    try:
        registry = EngineRegistry(docker_host)
    except UnreachableError as error:
        raise OperationError(f"{error} Nothing was written.") from error
    with closing(registry):
        return pinned({key: before[key] for key in IMAGES}, registry)
