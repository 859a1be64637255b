"""docker:index/volume:Volume."""

import time
from pathlib import Path

from engine.model import Diff, State
from engine.providers import Context, Plain
from engine.providers.docker_api import CONFLICT, NOT_FOUND, DockerError
from engine.providers.network import follow_drift, label_list, labels_of
from engine.providers.schema import (
    LABELS,
    as_recorded,
    auto_name,
    check_inputs,
    compare,
    has_given_name,
    mapping,
    text,
)
from engine.values import Properties, reveal

SCHEMA = {"driver": text(computed=True), "driverOpts": mapping(), "labels": LABELS, "name": text(computed=True)}
_REMOVE_SECONDS = 30.0
_POLL_SECONDS = 0.2


class Volume(Plain):
    """A Docker volume; every change replaces it. A volume of the name that exists already is adopted."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        return auto_name(name, check_inputs(name, news, SCHEMA), olds, unique)

    def diff(self, old: State, news: Properties) -> Diff:
        changes = compare(old.inputs, news, SCHEMA).changes
        return Diff(changes=changes, delete_before_replace=has_given_name(news))

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        name = str(plain["name"])
        context.docker().create_volume(
            {
                "Name": name,
                "Driver": plain.get("driver") or "local",
                "DriverOpts": plain.get("driverOpts") or {},
                "Labels": labels_of(plain),
            }
        )
        given = {key: as_recorded(value, SCHEMA[key]) for key, value in inputs.items() if key in SCHEMA}
        return name, {**(self._observed(context, name) or {}), **given}

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        observed = self._observed(context, state.id)
        if observed is None:
            return None
        return follow_drift(state.inputs, observed, SCHEMA), {**state.outputs, **observed}

    def delete(self, context: Context, state: State) -> None:
        deadline = time.monotonic() + (context.timeout_seconds or _REMOVE_SECONDS)
        while True:
            try:
                context.docker().remove_volume(state.id)
            except DockerError as error:
                if error.status == NOT_FOUND:
                    return
                if error.status != CONFLICT or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _observed(self, context: Context, name: str) -> Properties | None:
        info = context.docker().inspect_volume(name)
        if info is None:
            return None
        return {
            "__meta": '{"schema_version":"1"}',
            "driver": info.get("Driver", ""),
            "id": info["Name"],
            "labels": label_list(info.get("Labels")),
            "mountpoint": info.get("Mountpoint", ""),
            "name": info["Name"],
            **({"driverOpts": info["Options"]} if info.get("Options") else {}),
        }
