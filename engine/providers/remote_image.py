"""docker:index/remoteImage:RemoteImage."""

from pathlib import Path
from typing import Any

from engine.model import Diff, State
from engine.providers import Context, Plain
from engine.providers.docker_api import NOT_FOUND, DockerError, split_reference
from engine.providers.pulling import ensure_image
from engine.providers.schema import as_recorded, check_inputs, compare, flag, mapping, set_of_texts, text
from engine.values import Properties, reveal

SCHEMA = {
    "forceRemove": flag(replaces=False),
    "keepLocally": flag(replaces=False),
    "name": text(required=True),
    "platform": text(),
    "pullTriggers": set_of_texts(),
    "triggers": mapping(),
}
_META = (
    '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":1200000000000,"delete":1200000000000,"update":1200000000000}}'
)


class RemoteImage(Plain):
    """An image pulled from a registry, or found on the host."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        return check_inputs(name, news, SCHEMA)

    def diff(self, old: State, news: Properties) -> Diff:
        return compare(old.inputs, news, SCHEMA)

    def preview(self, old: State | None, news: Properties) -> Properties:
        known = super().preview(old, news)
        return {**old.outputs, **known} if old else known

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        info = ensure_image(context, plain["name"], plain.get("platform"))
        return info["Id"] + plain["name"], self._recorded(inputs, info)

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = context.docker().inspect_image(str(reveal(state.inputs["name"])))
        return None if info is None else (state.inputs, {**state.outputs, **self._recorded(state.inputs, info)})

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:  # noqa: ARG002
        plain = reveal(inputs)
        return self._recorded(inputs, ensure_image(context, plain["name"], plain.get("platform")))

    def delete(self, context: Context, state: State) -> None:
        plain = reveal(state.inputs)
        if plain.get("keepLocally"):
            return
        try:
            context.docker().remove_image(plain["name"], force=bool(plain.get("forceRemove")))
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise

    def _recorded(self, inputs: Properties, info: dict[str, Any]) -> Properties:
        name = str(reveal(inputs["name"]))
        repository = split_reference(name)[0]
        digests = [item for item in info.get("RepoDigests") or () if item.split("@")[0] == repository]
        given = {key: as_recorded(value, SCHEMA[key]) for key, value in inputs.items() if key in SCHEMA}
        return {
            "__meta": _META,
            "id": info["Id"] + name,
            "imageId": info["Id"],
            "repoDigest": digests[0] if digests else "",
            **given,
        }
