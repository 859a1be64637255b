"""Whether there is a Docker Engine that a stack can be deployed to, and what to say when there is not."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from wrapper.docker_api import Answer, Outcome
from wrapper.docker_endpoint import Endpoint

FLOOR = 24
"""The oldest Docker Engine, by major version."""


class State(Enum):
    """What an Engine is to us."""

    USABLE = auto()
    ABSENT = auto()
    STOPPED = auto()
    TOO_OLD = auto()
    DENIED = auto()
    UNREACHABLE = auto()
    NO_CLIENT = auto()


@dataclass(frozen=True, kw_only=True)
class Docker:
    """A diagnosis."""

    state: State
    message: str = ""
    """The error, its cure included where one command is the cure everywhere."""


def major(version: str) -> int:
    """26 for 26.1.5+dfsg1; 0 for what is no version."""
    match = re.match(r"(\d+)\.", version)
    return int(match[1]) if match else 0


def diagnose(endpoint: Endpoint, answer: Answer, *, dockerd: bool, client: bool) -> Docker:
    """Judge an Engine by its answer; `dockerd` and `client` are whether these programs are on this machine."""
    where = f"docker: the Engine at {endpoint.url} ({endpoint.source})"
    match answer.outcome:
        case Outcome.ANSWERED:
            return _judge_version(where, answer, client=client)
        case Outcome.DENIED:
            return Docker(
                state=State.DENIED,
                message=f"{where} does not let this user in. Join its group (sudo usermod -aG docker $USER, "
                "then log in again), or run this with sudo. Membership amounts to being root.",
            )
        case Outcome.ABSENT | Outcome.REFUSED if endpoint.is_default:
            if dockerd:
                return Docker(state=State.STOPPED, message="docker: the Engine is installed but not running.")
            return Docker(
                state=State.ABSENT, message=f"docker: no Engine is on this machine, and {FLOOR} or newer is needed."
            )
        case _:
            return Docker(
                state=State.UNREACHABLE,
                message=f"{where} is not reachable ({answer.detail}). Start it, or choose another: "
                "set DOCKER_HOST, or `docker context use`.",
            )


def _judge_version(where: str, answer: Answer, *, client: bool) -> Docker:
    version, product = _identity(answer.body)
    if answer.status != HTTPStatus.OK or not version:
        text = answer.body.get("message", "") if isinstance(answer.body, dict) else ""
        return Docker(
            state=State.UNREACHABLE,
            message=f"{where} does not answer as one (HTTP {answer.status} {text}). "
            "Set DOCKER_HOST to a Docker Engine.",
        )
    if product or major(version) < FLOOR:
        wrong = "is no Docker" if product else "is too old"
        return Docker(
            state=State.TOO_OLD,
            message=f"{where} {wrong} (got {product or 'Docker'} {version}, need Docker {FLOOR} or newer). "
            "Upgrade it (https://docs.docker.com/engine/install/), or choose another with DOCKER_HOST.",
        )
    if not client:
        return Docker(
            state=State.NO_CLIENT,
            message="docker: the Engine answers, but the docker command is not on PATH, and deploying calls it. "
            "Install it: docker-cli or docker-ce-cli on Debian, docker-ce-cli elsewhere.",
        )
    return Docker(state=State.USABLE)


def _identity(body: Any) -> tuple[str, str]:
    """Version, and the name of a product that only looks like Docker."""
    if not isinstance(body, dict):
        return "", ""
    names = [str(part.get("Name", "")) for part in body.get("Components") or [] if isinstance(part, dict)]
    podman = next((name for name in names if "podman" in name.lower()), "")
    return str(body.get("Version") or ""), podman
