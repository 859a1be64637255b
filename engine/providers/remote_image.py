"""docker:index/remoteImage:RemoteImage."""

from typing import Any

from engine.model import Diff, State
from engine.providers import Context
from engine.providers.bridged import Bridged
from engine.providers.docker_api import NOT_FOUND, DockerError, inspect
from engine.providers.pulling import ensure_image, split_reference
from engine.providers.schema import as_read, parse_schema, recorded
from engine.values import Properties, reveal

SCHEMA = parse_schema(
    """
    forceRemove   flag  in-place
    keepLocally   flag  in-place
    name          text  required
    platform      text
    pullTriggers  set
    triggers      map
    """
)


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
                force = {"force": int(bool(plain.get("forceRemove")))}
                context.docker().call("DELETE", f"/images/{plain['name']}", params=force)
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise


def _outputs(inputs: Properties, info: dict[str, Any]) -> Properties:
    name = str(reveal(inputs["name"]))
    digests = [item for item in info.get("RepoDigests") or () if item.split("@")[0] == split_reference(name)[0]]
    known = {"id": info["Id"] + name, "imageId": info["Id"], "repoDigest": digests[0] if digests else ""}
    return {**known, **recorded(inputs, SCHEMA)}
