"""docker:index/image:Image, built by BuildKit on the Docker host."""

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from engine.errors import ProviderError, UnsupportedError
from engine.model import Change, ChangeKind, Diff, State
from engine.providers import Context, Plain
from engine.providers.build_context import BuildContext
from engine.providers.build_progress import BuildProgress
from engine.providers.docker_api import Login, split_reference
from engine.providers.pulling import follow, login_for, registry_of
from engine.providers.schema import check_inputs, flag, listed, mapping, one, text, with_marks
from engine.values import Properties, Secret, has_secret, has_unknown, reveal

_BUILD = {
    "addHosts": listed(),
    "args": mapping(),
    "builderVersion": text(),
    "context": text(),
    "dockerfile": text(),
    "network": text(),
    "platform": text(),
    "target": text(),
}
SCHEMA = {
    "build": one(_BUILD),
    "buildOnPreview": flag(),
    "imageName": text(required=True),
    "registry": one({"password": text(), "server": text(), "username": text()}),
    "skipPush": flag(),
}
_BUILDERS = {"BuilderBuildKit": "2", "BuilderV1": "1"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def host_platform() -> str:
    machine = platform.machine()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


class Image(Plain):
    """An image built from a Dockerfile. Any change rebuilds it; deleting it leaves the image on the host."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        check_inputs(name, news, SCHEMA)
        if news.get("buildOnPreview"):
            raise UnsupportedError(f"{name}: property 'buildOnPreview' is not supported by the embedded engine.")
        build = _unwrapped(news.get("build") or {})
        context = build.get("context") or "."
        build.setdefault("context", context)
        if not has_unknown(context):
            build.setdefault("dockerfile", str(Path(reveal(context)) / "Dockerfile"))
        build.setdefault("platform", host_platform())
        paths = [reveal(build[key]) for key in ("context", "dockerfile") if key in build]
        if not has_unknown(paths):
            build["contextDigest"] = BuildContext(paths[0], paths[1], cwd).digest()
        if reveal(build.get("builderVersion")) not in (None, *_BUILDERS):
            raise ProviderError(f"{name}.build.builderVersion: must be one of {', '.join(_BUILDERS)}.")
        if (
            not reveal(news.get("skipPush"))
            and not has_unknown(news["imageName"])
            and "/" not in reveal(news["imageName"])
        ):
            raise ProviderError(
                f"{name}.imageName: must name its registry to be pushed (got {reveal(news['imageName'])!r}). "
                "Set skip_push=True to keep the image on the Docker host."
            )
        return {"buildOnPreview": False, "skipPush": False, **news, "build": build}

    def diff(self, old: State, news: Properties) -> Diff:
        recorded = old.outputs.get("__inputs", old.inputs)
        olds = recorded.value if isinstance(recorded, Secret) else recorded
        changes: dict[str, Change] = {}
        for key in sorted({*olds, *news}):
            before, after = olds.get(key), news.get(key)
            if _significant(key, before) == _significant(key, after) and not has_unknown(after):
                continue
            kind = ChangeKind.ADD if before is None else ChangeKind.DELETE if after is None else ChangeKind.UPDATE
            hidden = has_secret(before) or has_secret(after) or has_secret(old.inputs.get(key))
            change = Change(kind=kind, old=reveal(before), new=reveal(after))
            changes[key] = with_marks(change, hidden=hidden, replaces=False)
        return Diff(changes=changes)

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        build = plain["build"]
        files = BuildContext(build["context"], build["dockerfile"], context.cwd)
        image_id = _build(context, files, plain)
        digest = image_id if plain["skipPush"] else _push(context, plain)
        return plain["imageName"], {
            "__inputs": Secret(plain),
            "baseImageName": plain["imageName"],
            "context": build["context"],
            "dockerfile": files.dockerfile_in_context,
            "id": plain["imageName"],
            "imageName": plain["imageName"],
            "platform": build["platform"],
            "registryServer": (plain.get("registry") or {}).get("server") or "",
            "repoDigest": digest,
        }

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        return self.create(context, inputs)[1]


def _unwrapped(build: Any) -> Properties:
    """The build object with the secret mark of the whole, if any, on each member."""
    if isinstance(build, Secret):
        return {key: Secret(value) for key, value in build.value.items()}
    return dict(build)


def _significant(key: str, value: Any) -> Any:
    """A registry's login may change at any time and rebuilds nothing."""
    plain = reveal(value)
    return (plain or {}).get("server") if key == "registry" else plain


def _build(context: Context, files: BuildContext, plain: Properties) -> str:
    """Builds the image; its id. Raises ProviderError that shows the failing step."""
    build, progress = plain["build"], BuildProgress()
    context.progress("packing the build context")
    with tempfile.TemporaryFile() as archive:
        options = {
            "version": _BUILDERS[build.get("builderVersion") or "BuilderBuildKit"],
            "t": plain["imageName"],
            "dockerfile": files.pack(archive),
            "buildargs": json.dumps(build.get("args") or {}),
            "platform": build["platform"],
            "target": build.get("target") or "",
            "networkmode": build.get("network") or "",
            "extrahosts": ",".join(build.get("addHosts") or ()),
            "rm": "1",
        }
        chosen = {key: value for key, value in options.items() if value}
        for message in context.docker().build_image(archive, chosen):
            for line in progress.feed(message):
                context.progress(context.blind(line))
            if context.cancelled.is_set():
                raise ProviderError("the build was cancelled.")
    if progress.error or not progress.image_id:
        raise ProviderError(context.blind(f"image {plain['imageName']}: {progress.failure()}"))
    found = context.docker().inspect_image(plain["imageName"])
    return str(found["Id"]) if found else progress.image_id


def _push(context: Context, plain: Properties) -> str:
    """Pushes the image; its reference by digest."""
    name, registry = plain["imageName"], plain.get("registry") or {}
    given = (
        Login(
            server=registry.get("server") or registry_of(name),
            username=registry["username"],
            password=registry["password"],
        )
        if registry.get("username") and registry.get("password")
        else login_for(name, context.logins)
    )
    aux = follow(context, context.docker().push_image(name, given))
    if not aux.get("Digest"):
        raise ProviderError(f"image {name}: the registry did not tell the digest of what was pushed. Run again.")
    return f"{split_reference(name)[0]}@{aux['Digest']}"
