"""docker:index/image:Image, built by BuildKit on the Docker host."""

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from engine.errors import ProviderError, UnsupportedError
from engine.model import Change, ChangeKind, Diff, State
from engine.providers import Context, ResourceType
from engine.providers.build_context import BuildContext
from engine.providers.build_progress import BuildProgress
from engine.providers.docker_api import Login, inspect
from engine.providers.pulling import follow, login_for, registry_of, split_reference
from engine.providers.schema import check_inputs, parse_schema, with_marks
from engine.values import Properties, Secret, has_secret, has_unknown, reveal

SCHEMA = parse_schema(
    "build object\nbuildOnPreview flag\nimageName text required\nregistry object\nskipPush flag",
    build=parse_schema(
        """
        addHosts        list
        args            map
        builderVersion  text
        context         text
        dockerfile      text
        network         text
        platform        text
        target          text
        """
    ),
    registry=parse_schema("password text\nserver text\nusername text"),
)
_BUILDERS = {"BuilderBuildKit": "2", "BuilderV1": "1"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def host_platform() -> str:
    return f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}"


class Image(ResourceType):
    """An image built from a Dockerfile. Any change rebuilds it; deleting it leaves the image on the host."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        check_inputs(name, news, SCHEMA)
        plain = reveal(news)
        if plain.get("buildOnPreview"):
            raise UnsupportedError(f"{name}: property 'buildOnPreview' is not supported by the embedded engine.")
        if not plain.get("skipPush") and isinstance(plain["imageName"], str) and "/" not in plain["imageName"]:
            raise ProviderError(
                f"{name}.imageName: must name its registry to be pushed (got {plain['imageName']!r}). "
                "Set skip_push=True to keep the image on the Docker host."
            )
        build = _members(news.get("build") or {})
        context = build.setdefault("context", ".")
        if not has_unknown(context):
            build.setdefault("dockerfile", str(Path(reveal(context)) / "Dockerfile"))
        build.setdefault("platform", host_platform())
        if reveal(build.get("builderVersion")) not in (None, *_BUILDERS):
            raise ProviderError(f"{name}.build.builderVersion: must be one of {', '.join(_BUILDERS)}.")
        paths = [reveal(build.get(key)) for key in ("context", "dockerfile")]
        if all(isinstance(path, str) for path in paths):
            build["contextDigest"] = BuildContext(paths[0], paths[1], cwd).digest()
        return {"buildOnPreview": False, "skipPush": False, **news, "build": build}

    def diff(self, old: State, news: Properties) -> Diff:
        olds: Properties = reveal(old.outputs.get("__inputs", old.inputs))
        changes: dict[str, Change] = {}
        for key in sorted({*olds, *news}):
            before, after = olds.get(key), reveal(news.get(key))
            if _significant(key, before) == _significant(key, after) and not has_unknown(after):
                continue
            kind = ChangeKind.ADD if before is None else ChangeKind.DELETE if after is None else ChangeKind.UPDATE
            hidden = has_secret(news.get(key)) or has_secret(old.inputs.get(key))
            changes[key] = with_marks(Change(kind=kind, old=before, new=after), hidden=hidden, replaces=False)
        return Diff(changes=changes)

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        build, name = plain["build"], plain["imageName"]
        files = BuildContext(build["context"], build["dockerfile"], context.cwd)
        image_id = _build(context, files, plain)
        return name, {
            "__inputs": Secret(plain),
            "baseImageName": name,
            "context": build["context"],
            "dockerfile": files.dockerfile_in_context,
            "id": name,
            "imageName": name,
            "platform": build["platform"],
            "registryServer": (plain.get("registry") or {}).get("server") or "",
            "repoDigest": image_id if plain["skipPush"] else _push(context, plain),
        }

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        return self.create(context, inputs)[1]


def _members(build: Any) -> Properties:
    """The build object, with the secret mark of the whole, if it has one, on each member."""
    return {key: Secret(value) for key, value in build.value.items()} if isinstance(build, Secret) else dict(build)


def _significant(key: str, value: Any) -> Any:
    """A registry's login may change at any time and rebuilds nothing."""
    return (value or {}).get("server") if key == "registry" else value


def _build(context: Context, files: BuildContext, plain: Properties) -> str:
    """Builds the image; its id. Raises ProviderError that shows the failing step."""
    build, progress, name = plain["build"], BuildProgress(), plain["imageName"]
    context.progress("packing the build context")
    with tempfile.TemporaryFile() as archive:
        options = {
            "version": _BUILDERS[build.get("builderVersion") or "BuilderBuildKit"],
            "t": name,
            "dockerfile": files.pack(archive),
            "buildargs": json.dumps(build.get("args") or {}),
            "platform": build["platform"],
            "target": build.get("target"),
            "networkmode": build.get("network"),
            "extrahosts": ",".join(build.get("addHosts") or ()),
            "rm": "1",
        }
        for message in context.docker().stream("/build", {k: v for k, v in options.items() if v}, data=archive):
            for line in progress.feed(message):
                context.progress(context.blind(line))
            if context.cancelled.is_set():
                raise ProviderError("the build was cancelled.")
    if progress.error or not progress.image_id:
        raise ProviderError(context.blind(f"image {name}: {progress.failure()}"))
    return str((inspect(context.docker(), "images", name) or {}).get("Id") or progress.image_id)


def _push(context: Context, plain: Properties) -> str:
    """Pushes the image; its reference by digest."""
    name, registry = plain["imageName"], plain.get("registry") or {}
    login = login_for(name, context.logins)
    if registry.get("username") and registry.get("password"):
        server = registry.get("server") or registry_of(name)
        login = Login(server=server, username=registry["username"], password=registry["password"])
    repository, tag = split_reference(name)
    aux = follow(context, context.docker().stream(f"/images/{repository}/push", {"tag": tag}, login=(name, login)))
    if not aux.get("Digest"):
        raise ProviderError(f"image {name}: the registry did not tell the digest of what was pushed. Run again.")
    return f"{repository}@{aux['Digest']}"
