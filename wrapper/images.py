"""Where a new stack's base images come from: decided once, at its creation, and kept in its config."""

import json
from typing import Literal

from wrapper.docker_api import Answer, Outcome

Source = Literal["registry", "debian"]
KEY = "imagesFrom"
PROBE = "python:3.13-slim-trixie"
"""An image whose registry the Engine is asked about; any would do."""
PROBE_SECONDS = 15.0

_REACHED_WORDS = ("toomanyrequests", "too many requests", "unauthorized", "denied", "manifest unknown", "not found")


def reached(answer: Answer) -> bool:
    """Whether the Engine itself reached a registry, whatever that one said; mirrors and proxies count so.

    The Engine passes on what a registry says as the text of an error of its own.
    """
    if answer.outcome is not Outcome.ANSWERED:
        return False
    if answer.status in (200, 401, 403, 429):
        return True
    text = json.dumps(answer.body).lower()
    return any(word in text for word in _REACHED_WORDS) and "no such host" not in text


def choose(*, registry: bool) -> Source:
    return "registry" if registry else "debian"


def line(stack: str, choice: Source) -> str:
    text = {
        "registry": "official images, as the Docker Engine reaches their registry",
        "debian": "Debian packages, as the Docker Engine reaches no image registry",
    }[choice]
    return f"stack {stack}: images are made from {text} (kept as {KEY}: {choice})"
