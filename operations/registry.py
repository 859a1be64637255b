"""Digests of images. The Docker Engine asks the registry, through its own network and with the user's logins."""

import re
from typing import Protocol

from docker.errors import APIError, DockerException

from preflight.server import connect


class RegistryError(Exception):
    """A digest cannot be had; its text is the reason, in the registry's or the engine's own words."""


class Registry(Protocol):
    """What resolves an image's name."""

    def digest(self, name: str) -> str:
        """The digest, sha256:…, of what `name`, a repository with its tag, is now. Raises RegistryError."""


class EngineRegistry:
    """Registries, as the Docker Engine reaches them."""

    def __init__(self, docker_host: str = "") -> None:
        """`docker_host` as DOCKER_HOST has it; empty takes the environment's. Raises UnreachableError."""
        self._engine = connect(docker_host)

    def digest(self, name: str) -> str:
        try:
            answer = self._engine.inspect_distribution(name)  # type: ignore[no-untyped-call]  # untyped in its stubs
        except APIError as refusal:
            raise RegistryError(_first_line(str(refusal.explanation or refusal))) from refusal
        except (DockerException, OSError) as problem:
            raise RegistryError(_first_line(str(problem))) from problem
        digest = str((answer.get("Descriptor") or {}).get("digest"))
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise RegistryError(f"the answer holds no digest ({answer})")
        return digest

    def close(self) -> None:
        self._engine.close()


def _first_line(text: str) -> str:
    """Without the headline that the registry's client puts over its errors."""
    lines = [line for line in text.strip().splitlines() if line.strip() not in ("", "errors:")]
    return lines[0].strip() if lines else "no reason was given"
