"""What the server has of pull requests' environments: a mark of each, what carries its label, and its secrets.

The mark is an empty volume that the environment's first `up` makes before anything else. So it is the server that says
which stacks may be taken away, to whichever clone asks.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from operations.review_image import OF_THE_SITE
from release.docker_cli import Docker, inspect
from release.errors import DockerError

NUMBER_LABEL = "django-stack.pull-request"
ENVIRONMENT_LABEL = "django-stack.environment"
"""Not the label of what belongs to a stack: no deployment declares the mark."""
STACK_LABEL = "django-stack.stack"
IMAGES_LABEL = "django-stack.images-from"

_FILES = {"djangoSecretKey": "django_secret_key", "databasePassword": "database_password"}
_READ = (
    "import json, pathlib, sys; folder = pathlib.Path('/run/secrets');"
    " print(json.dumps({each: (folder / each).read_text() for each in sys.argv[1:] if (folder / each).exists()}))"
)
_MEBIBYTE = 1024**2


@dataclass(frozen=True, kw_only=True)
class Mark:
    """That an environment was made by this command."""

    number: int
    prefix: str
    made: datetime


def marks(docker: Docker, project: str) -> list[Mark]:
    """Of all environments of a project, by number. Raises DockerError."""
    names = docker("volume", "ls", "--quiet", f"--filter=label={NUMBER_LABEL}").split()
    found = []
    for volume in json.loads(docker("volume", "inspect", *names)) if names else []:
        number, prefix = volume["Labels"][NUMBER_LABEL], volume["Labels"].get(ENVIRONMENT_LABEL, "")
        if number.isdigit() and prefix == f"{project}-pr-{number}" and volume["Name"] == _mark_name(prefix):
            found.append(Mark(number=int(number), prefix=prefix, made=datetime.fromisoformat(volume["CreatedAt"])))
    return sorted(found, key=lambda mark: mark.number)


def make_mark(docker: Docker, prefix: str, number: int) -> None:
    """Raises DockerError."""
    labels = {NUMBER_LABEL: str(number), ENVIRONMENT_LABEL: prefix}
    docker("volume", "create", *(f"--label={key}={value}" for key, value in labels.items()), _mark_name(prefix))


def remove_mark(docker: Docker, prefix: str) -> None:
    """Raises DockerError."""
    docker("volume", "rm", "--force", _mark_name(prefix))


def belongings(docker: Docker, prefix: str) -> dict[str, list[str]]:
    """What carries a stack's label, or its name as an image's repository, by kind; in the order to remove it in."""
    label = f"--filter=label={STACK_LABEL}={prefix}"
    images = docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", f"{prefix}/*").split()
    return {
        "container": docker("ps", "--all", "--format={{.Names}}", label).split(),
        "volume": docker("volume", "ls", "--quiet", label).split(),
        "network": docker("network", "ls", "--format={{.Name}}", label).split(),
        "image": [name for name in images if name.startswith(f"{prefix}/")],
    }


def remove_belongings(docker: Docker, prefix: str) -> dict[str, int]:
    """Remove all that carries the stack's label, data included; how many of each kind. Raises DockerError."""
    found = belongings(docker, prefix)
    for kind, names in found.items():
        for name in names:
            docker(kind, "rm", "--force", name)
    return {kind: len(names) for kind, names in found.items() if names}


def images_from(docker: Docker, prefix: str) -> str:
    """What its data was made with; empty where it has none yet."""
    label = f'{{{{index .Labels "{IMAGES_LABEL}"}}}}'
    return docker("volume", "inspect", f"--format={label}", f"{prefix}-postgres-data", check=False).strip()


def memory_mb(docker: Docker) -> Counter[str]:
    """Memory limits of all containers that run, in MiB, by stack prefix; empty for those of none."""
    total: Counter[str] = Counter()
    for container in inspect(docker, docker("ps", "--format={{.Names}}").split()):
        labels: Mapping[str, str] = container["Config"].get("Labels") or {}
        total[labels.get(STACK_LABEL, "")] += container["HostConfig"].get("Memory", 0) // _MEBIBYTE
    return total


def secrets(docker: Docker, prefix: str) -> dict[str, str]:
    """The environment's secrets by key, as its own volume has them; nothing where there is none to read."""
    volume = f"{prefix}-secrets-1"
    images = belongings(docker, prefix)["image"]
    tools = [name for name in images if name.startswith(f"{prefix}/python:")]
    if not tools or not docker("volume", "ls", "--quiet", f"--filter=name=^{re.escape(volume)}$").strip():
        return {}
    words = [*OF_THE_SITE, f"--volume={volume}:/run/secrets:ro", "--entrypoint=python3", tools[0], "-c", _READ]
    try:
        found = json.loads(docker("run", *words, *_FILES.values()))
    except (DockerError, ValueError):  # its first deployment did not get that far
        return {}
    return {key: found[file] for key, file in _FILES.items() if file in found}


def _mark_name(prefix: str) -> str:
    return f"{prefix}-pull-request"
