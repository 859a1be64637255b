"""docker:index/image:Image, built by BuildKit on the Docker host, and docker:index/remoteImage:RemoteImage."""

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from engine.errors import ProviderError, UnsupportedError
from engine.model import Change, Diff, State
from engine.providers import Bridged, Context, ResourceType
from engine.providers.build import BuildContext, BuildProgress
from engine.providers.docker_api import DockerError, inspect, tolerating
from engine.providers.schema import as_read, change_of, check_inputs, marked, parse_schema, recorded
from engine.values import Properties, Secret, has_unknown, reveal

_BUILD = parse_schema("text builderVersion context dockerfile platform\nmap args")
SCHEMA = parse_schema("text required imageName\nflag buildOnPreview skipPush\nobject build", build=_BUILD)
_BUILD_KIT = "BuilderBuildKit"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


class Image(ResourceType):
    """An image built from a Dockerfile. Any change rebuilds it; deleting it leaves the image on the host."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        check_inputs(name, news, SCHEMA)
        build = _members(news.get("build") or {})
        for key, value, needed in (
            ("skipPush", news.get("skipPush"), True),
            ("buildOnPreview", news.get("buildOnPreview") or False, False),
            ("build.builderVersion", build.get("builderVersion", _BUILD_KIT), _BUILD_KIT),
        ):
            if reveal(value) != needed:
                raise UnsupportedError(f"{name}: '{key}' must be {needed!r} for the embedded engine.")
        context = build.setdefault("context", ".")
        if not has_unknown(context):
            build.setdefault("dockerfile", str(Path(reveal(context)) / "Dockerfile"))
        machine = platform.machine()
        build.setdefault("platform", f"linux/{_ARCHITECTURES.get(machine, machine)}")
        paths = [reveal(build.get(key)) for key in ("context", "dockerfile")]
        if all(isinstance(path, str) for path in paths):
            build["contextDigest"] = BuildContext(paths[0], paths[1], cwd).digest()
        return {"buildOnPreview": False, **news, "build": build}

    def diff(self, old: State, news: Properties) -> Diff:
        olds: Properties = reveal(old.outputs.get("__inputs", old.inputs))
        changes: dict[str, Change] = {}
        for key in sorted({*olds, *news}):
            before, after = olds.get(key), reveal(news.get(key))
            if before != after or has_unknown(after):
                changes |= marked(key, (old.inputs, news), [(key, change_of(before, after))])
        return Diff(changes=changes)

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        build, name = plain["build"], plain["imageName"]
        files = BuildContext(build["context"], build["dockerfile"], context.cwd)
        outputs = {"__inputs": Secret(plain), **dict.fromkeys(("baseImageName", "id", "imageName"), name)}
        outputs |= {
            "context": build["context"],
            "dockerfile": files.dockerfile_in_context,
            "platform": build["platform"],
        }
        return name, {**outputs, "registryServer": "", "repoDigest": _build(context, files, build, name)}


class RemoteImage(Bridged):
    """An image pulled from a registry, or found on the host."""

    schema = parse_schema("text required name\ntext platform\nflag in-place keepLocally")
    kind, deleted_first, is_claimed = "images", False, False

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        outputs = self._outputs(inputs, ensure_image(context, plain["name"], plain.get("platform")))
        return outputs["id"], outputs

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = self.find(context, str(reveal(state.inputs["name"])))
        return None if info is None else as_read(state, self._outputs(state.inputs, info), {})

    def delete(self, context: Context, state: State) -> None:
        plain = reveal(state.inputs)
        if not plain.get("keepLocally"):
            with tolerating():
                context.docker().call("DELETE", f"/images/{plain['name']}")

    def _outputs(self, inputs: Properties, info: dict[str, Any]) -> Properties:
        name = str(reveal(inputs["name"]))
        repository = name.partition("@")[0]
        repository = repository.rpartition(":")[0] if ":" in repository.rpartition("/")[2] else repository
        digests = [item for item in info.get("RepoDigests") or () if item.split("@")[0] == repository]
        known = {"id": info["Id"] + name, "imageId": info["Id"], "repoDigest": digests[0] if digests else ""}
        return {**known, **recorded(inputs, self.schema)}


def _members(build: Any) -> Properties:
    """The build object, with the secret mark of the whole, if it has one, on each member."""
    return {key: Secret(value) for key, value in build.value.items()} if isinstance(build, Secret) else dict(build)


def _build(context: Context, files: BuildContext, build: Properties, name: str) -> str:
    """Builds the image; its id. Raises ProviderError that shows the failing step."""
    progress = BuildProgress()
    context.progress("packing the build context")
    with tempfile.TemporaryFile() as archive:
        options = {"version": "2", "rm": "1", "t": name, "dockerfile": files.pack(archive)}
        options |= {"platform": build["platform"], "buildargs": json.dumps(build.get("args") or {})}
        for message in context.docker().build(options, archive):
            for line in progress.feed(message):
                context.progress(context.blind(line))
            if context.cancelled.is_set():
                raise ProviderError("the build was cancelled.")
    if progress.error or not progress.image_id:
        raise ProviderError(context.blind(f"image {name}: {progress.failure()}"))
    return str((inspect(context.docker(), "images", name) or {}).get("Id") or progress.image_id)


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
