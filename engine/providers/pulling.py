"""Images from a registry: pulling, pushing, and whose login is used."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from engine.errors import ProviderError
from engine.providers import Context
from engine.providers.docker_api import NOT_FOUND, DockerError, Login

_HUB = "docker.io"
_HUB_NAMES = (_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def registry_of(image: str) -> str:
    """The host name of the registry that an image name points to."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else _HUB


def host_of(address: str) -> str:
    host = address.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return _HUB if host in _HUB_NAMES else host


def logins_of(registry_auth: Any) -> list[Login]:
    """The logins of a provider's `registryAuth`, which may be JSON text. Raises ProviderError."""
    entries = json.loads(registry_auth) if isinstance(registry_auth, str) else registry_auth or ()
    logins = []
    for entry in entries:
        unsupported = set(entry) - {"address", "username", "password", "authDisabled"}
        if unsupported:
            raise ProviderError(
                f"registryAuth: '{min(unsupported)}' is not supported by the embedded engine. "
                "Give username and password, or leave registryAuth out to use ~/.docker/config.json."
            )
        if entry.get("username"):
            logins.append(
                Login(server=entry["address"], username=entry["username"], password=entry.get("password") or "")
            )
    return logins


def login_for(image: str, logins: Iterable[Login]) -> Login | None:
    registry = registry_of(image)
    return next((login for login in logins if host_of(login.server) == registry), None)


def ensure_image(context: Context, image: str, platform: str | None = None) -> dict[str, Any]:
    """Pulls `image` unless Docker has it; its inspection. Raises ProviderError with what to do."""
    docker = context.docker()
    found = docker.inspect_image(image)
    if found is not None:
        return found
    if image.startswith("sha256:"):
        raise ProviderError(
            f"{context.name}: the image {image} is not on the Docker host. Build or load it again, then run again."
        )
    try:
        follow(context, docker.pull_image(image, login_for(image, context.logins), platform))
    except DockerError as error:
        advice = "Check the name, the registry login and the network, or load the image by hand (docker load)."
        reason = "no such image" if error.status == NOT_FOUND and "No such image" in str(error) else str(error)
        raise ProviderError(
            f"{context.name}: the image {image} cannot be pulled from {registry_of(image)}: {reason}. {advice}"
        ) from error
    found = docker.inspect_image(image)
    if found is None:
        raise ProviderError(f"{context.name}: the image {image} was pulled but is not there. Run again.")
    return found


def follow(context: Context, messages: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """Shows the progress of a pull or push; its last `aux` message. Raises DockerError."""
    last: dict[str, Any] = {}
    for message in messages:
        if "error" in message:
            raise DockerError(str(message["error"]), 1)
        if message.get("aux"):
            last = message["aux"]
        if message.get("status"):
            parts = (message.get("id"), message["status"], message.get("progress"))
            context.progress(" ".join(str(part) for part in parts if part))
    return last
