"""docker:index/remoteImage:RemoteImage, and how an image is had from a registry."""

from typing import Any

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers import Bridged, Context
from engine.providers.docker_api import NOT_FOUND, DockerError, inspect
from engine.providers.schema import as_read, parse_schema, recorded
from engine.values import Properties, reveal

SCHEMA = parse_schema("text required name\ntext platform\nflag in-place keepLocally")


class RemoteImage(Bridged):
    """An image pulled from a registry, or found on the host."""

    schema = SCHEMA
    deleted_first = False

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        outputs = _outputs(inputs, ensure_image(context, plain["name"], plain.get("platform")))
        return outputs["id"], outputs

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = inspect(context.docker(), "images", str(reveal(state.inputs["name"])))
        return None if info is None else as_read(state, _outputs(state.inputs, info), {})

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        return self.create(context, inputs)[1]

    def delete(self, context: Context, state: State) -> None:
        plain = reveal(state.inputs)
        try:
            if not plain.get("keepLocally"):
                context.docker().call("DELETE", f"/images/{plain['name']}")
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise


def _outputs(inputs: Properties, info: dict[str, Any]) -> Properties:
    name = str(reveal(inputs["name"]))
    repository = name.partition("@")[0]
    repository = repository.rpartition(":")[0] if ":" in repository.rpartition("/")[2] else repository
    digests = [item for item in info.get("RepoDigests") or () if item.split("@")[0] == repository]
    known = {"id": info["Id"] + name, "imageId": info["Id"], "repoDigest": digests[0] if digests else ""}
    return {**known, **recorded(inputs, SCHEMA)}


def ensure_image(context: Context, image: str, platform: str | None = None) -> dict[str, Any]:
    """Pulls `image` unless Docker has it; its inspection. Raises ProviderError with what to do."""
    docker = context.docker()
    found = inspect(docker, "images", image)
    if found is None and image.startswith("sha256:"):
        raise ProviderError(
            f"{context.name}: the image {image} is not on the Docker host. Build or load it again, then run again."
        )
    if found is None:
        try:
            for message in docker.pull(image, platform):
                if message.get("status") and "progress" not in message:
                    context.progress(" ".join(str(message[key]) for key in ("id", "status") if message.get(key)))
        except DockerError as error:
            from docker.auth import resolve_repository_name  # noqa: PLC0415  slow to import, and rarely needed

            raise ProviderError(
                f"{context.name}: the image {image} cannot be pulled from {resolve_repository_name(image)[0]}: {error} "
                "Check the name, the registry login and the network, or load the image by hand (docker load)."
            ) from error
        found = inspect(docker, "images", image)
    if found is None:
        raise ProviderError(f"{context.name}: the image {image} was pulled but is not there. Run again.")
    return found
