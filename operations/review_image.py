"""What an image tells of itself, in a container without a network; and what the linter says of its migrations."""

import json
from pathlib import PurePosixPath

from release.docker_cli import HARDENED, Docker
from release.errors import DockerError
from review import lint, migrations, squawk
from review.container import changes
from review.errors import ReviewInputError
from review.evidence import Image
from review.migrations import Linted, Pending
from review.plan import Plan
from review.records import Ledger

_MEBIBYTE = 1024**2
OF_THE_SITE = (
    *HARDENED,
    *("--network=none", "--user=10001:10000", "--memory=1024m", "--pids-limit=100", "--tmpfs=/tmp"),
)
"""Flags of a `docker run` that looks into an image as the site's own user."""


def look_into(docker: Docker, name: str, plan: Plan, ledger: Ledger | None) -> tuple[Image | None, dict[str, str]]:
    """The image, and what could not be checked, with the reason: `image`, `migrations`, `lint`."""
    size = size_mb(docker, name)
    if size is None:
        reason = f"the image {name} is not on this machine's Docker"
        return None, {"image": reason, "migrations": reason}
    missing = {} if ledger else {"migrations": "no --ledger was given, so that nobody knows what has been applied"}
    try:
        pending = asked(docker, name, environment(plan), dict(ledger.heads) if ledger else None)
    except (DockerError, ReviewInputError) as problem:
        pending = Pending(problem=f"the image cannot tell: {str(problem)[-400:]}")
    if pending.problem:
        missing["migrations"] = pending.problem
    linted, unlinted = _linted(pending)
    return Image(name=name, size_mb=size, linted=linted), missing | unlinted


def size_mb(docker: Docker, name: str) -> int | None:
    """Of an image; None where it is not on this Docker."""
    size = docker("image", "inspect", "--format={{.Size}}", name, check=False).strip()
    return int(size) // _MEBIBYTE if size.isdigit() else None


def asked(docker: Docker, image: str, env: dict[str, str], heads: dict[str, str] | None) -> Pending:
    """Packages, and migrations that a database with these heads lacks. Raises DockerError, ReviewInputError."""
    folders = {str(PurePosixPath(path).parent) for name, path in env.items() if name.endswith("_FILE")}
    words = [*OF_THE_SITE, *(f"--tmpfs={folder}:mode=1777" for folder in sorted(folders))]
    words += [f"--env={name}={value}" for name, value in sorted(env.items())]
    script = ["python", "/opt/stack/pending.py"]
    return migrations.read(docker("run", *words, image, *script, stdin=json.dumps({"heads": heads})))


def environment(plan: Plan) -> dict[str, str]:
    """The plain variables of the site, as its containers would have them."""
    for change in changes(plan):
        if change.role == "web" and change.after:
            return {name: value for name, value in change.after.env.items() if name.replace("_", "").isalnum()}
    return {}


def _linted(pending: Pending) -> tuple[Linted, dict[str, str]]:
    program = squawk.program()
    if not program:
        reason = "the linter squawk is not installed (pip install squawk-cli)"
        return Linted(pending=pending), {"lint": reason}
    try:
        found = squawk.check(program, pending.migrations)
    except ReviewInputError as problem:
        return Linted(pending=pending), {"lint": str(problem)}
    flaws = lint.flaws(pending.migrations, found)
    return Linted(pending=pending, flaws=flaws), {}
