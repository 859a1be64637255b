"""Images from a registry: whose login is used, pulling, and following a pull or push."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from engine.errors import ProviderError
from engine.providers import Context
from engine.providers.docker_api import DockerError, Login, inspect

_HUB = "docker.io"
_HUB_NAMES = (_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def registry_of(image: str) -> str:
    """The host name of the registry that an image name points to."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else _HUB


def split_reference(name: str) -> tuple[str, str]:
    """Repository and tag or digest of an image name."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def logins_of(registry_auth: Any) -> list[Login]:
    """The logins of a provider's `registryAuth`, which may be JSON text. Raises ProviderError."""
    entries = json.loads(registry_auth) if isinstance(registry_auth, str) else registry_auth or ()
    for entry in entries:
        unsupported = set(entry) - {"address", "username", "password"}
        if unsupported:
            raise ProviderError(
                f"registryAuth: '{min(unsupported)}' is not supported by the embedded engine. "
                "Give username and password, or leave registryAuth out to use ~/.docker/config.json."
            )
    return [
        Login(server=entry["address"], username=entry["username"], password=entry.get("password") or "")
        for entry in entries
        if entry.get("username")
    ]


def login_for(image: str, logins: Iterable[Login]) -> Login | None:
    """The login, of those that the program gave, for `image`'s registry."""
    for login in logins:
        host = login.server.removeprefix("https://").removeprefix("http://").partition("/")[0]
        if (_HUB if host in _HUB_NAMES else host) == registry_of(image):
            return login
    return None


def ensure_image(context: Context, image: str, platform: str | None = None) -> dict[str, Any]:
    """Pulls `image` unless Docker has it; its inspection. Raises ProviderError with what to do."""
    docker = context.docker()
    found = inspect(docker, "images", image)
    if found is None and image.startswith("sha256:"):
        raise ProviderError(
            f"{context.name}: the image {image} is not on the Docker host. Build or load it again, then run again."
        )
    if found is None:
        repository, tag = split_reference(image)
        params = {"fromImage": repository, "tag": tag, **({"platform": platform} if platform else {})}
        try:
            follow(context, docker.stream("/images/create", params, login=(image, login_for(image, context.logins))))
        except DockerError as error:
            raise ProviderError(
                f"{context.name}: the image {image} cannot be pulled from {registry_of(image)}: {error} "
                "Check the name, the registry login and the network, or load the image by hand (docker load)."
            ) from error
        found = inspect(docker, "images", image)
    if found is None:
        raise ProviderError(f"{context.name}: the image {image} was pulled but is not there. Run again.")
    return found


def follow(context: Context, messages: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """Shows the progress of a pull or push; its last `aux` message. Raises DockerError."""
    last: dict[str, Any] = {}
    for message in messages:
        if "error" in message:
            raise DockerError(str(message["error"]), 1)
        last = message.get("aux") or last
        if message.get("status") and "progress" not in message:
            context.progress(" ".join(str(message[key]) for key in ("id", "status") if message.get(key)))
    return last
