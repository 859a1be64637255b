"""docker:index/network:Network."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers import Context, Plain
from engine.providers.docker_api import NOT_FOUND, DockerError
from engine.providers.schema import (
    LABELS,
    Property,
    as_recorded,
    auto_name,
    canonical,
    check_inputs,
    compare,
    flag,
    has_given_name,
    mapping,
    set_of,
    text,
)
from engine.values import Properties, reveal

SCHEMA = {
    "attachable": flag(),
    "driver": text(computed=True),
    "ingress": flag(),
    "internal": flag(computed=True),
    "ipamConfigs": set_of(
        {"auxAddress": mapping(), "gateway": text(), "ipRange": text(), "subnet": text()}, computed=True
    ),
    "ipamDriver": text(default="default"),
    "ipamOptions": mapping(),
    "ipv6": flag(),
    "labels": LABELS,
    "name": text(),
    "options": mapping(computed=True),
}
_META = '{"schema_version":"1"}'
_REMOVE_SECONDS = 30.0
_POLL_SECONDS = 0.2


def labels_of(inputs: Properties) -> dict[str, str]:
    return {item["label"]: item["value"] for item in inputs.get("labels") or ()}


def label_list(labels: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]


def follow_drift(inputs: Properties, observed: Properties, schema: Mapping[str, Property]) -> Properties:
    """`inputs` with what Docker really has, for every property of `schema` that they set."""
    real = dict(inputs)
    for key, prop in schema.items():
        if key in inputs and key in observed:
            given, found = reveal(inputs[key]), observed[key]
            if canonical(given, prop) != canonical(found, prop):
                real[key] = found
    return real


class Network(Plain):
    """A Docker network; every change replaces it."""

    def check(self, name: str, news: Properties, olds: Properties | None, unique: str, cwd: Path) -> Properties:  # noqa: ARG002
        return auto_name(name, check_inputs(name, news, SCHEMA), olds, unique)

    def diff(self, old: State, news: Properties) -> Diff:
        changes = compare(old.inputs, news, SCHEMA).changes
        return Diff(changes=changes, delete_before_replace=has_given_name(news))

    def claim(self, context: Context, inputs: Properties) -> None:
        name = str(reveal(inputs["name"]))
        if context.docker().inspect_network(name) is not None:
            raise ProviderError(
                f"{context.name}: a network named {name!r} exists already and is not in the state. "
                f"Remove it (docker network rm {name}) or choose another name."
            )

    def recover(self, context: Context, inputs: Properties) -> None:
        found = context.docker().inspect_network(str(reveal(inputs["name"])))
        if found is not None:
            self._remove(context, found["Id"])

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker = context.docker()
        id_ = docker.create_network(_request(reveal(inputs)))
        info = docker.inspect_network(id_)
        if info is None:
            raise ProviderError(f"{context.name}: the network vanished as soon as it was made. Run again.")
        given = {key: as_recorded(value, SCHEMA[key]) for key, value in inputs.items() if key in SCHEMA}
        return id_, {**_observed(info), **given}

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = context.docker().inspect_network(state.id)
        if info is None:
            return None
        observed = _observed(info)
        return follow_drift(state.inputs, observed, SCHEMA), {**state.outputs, **observed}

    def delete(self, context: Context, state: State) -> None:
        self._remove(context, state.id)

    def _remove(self, context: Context, id_: str) -> None:
        docker = context.docker()
        deadline = time.monotonic() + (context.timeout_seconds or _REMOVE_SECONDS)
        while True:
            try:
                docker.remove_network(id_)
            except DockerError as error:
                if error.status == NOT_FOUND:
                    return
                if "has active endpoints" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return


def _request(inputs: Properties) -> dict[str, Any]:
    ipam: dict[str, Any] = {"Driver": inputs["ipamDriver"]}
    if inputs.get("ipamConfigs"):
        ipam["Config"] = [
            {
                "Subnet": item.get("subnet") or "",
                "IPRange": item.get("ipRange") or "",
                "Gateway": item.get("gateway") or "",
                "AuxiliaryAddresses": item.get("auxAddress") or {},
            }
            for item in inputs["ipamConfigs"]
        ]
    if inputs.get("ipamOptions"):
        ipam["Options"] = inputs["ipamOptions"]
    return {
        "Name": inputs["name"],
        "CheckDuplicate": True,
        "Driver": inputs.get("driver") or "bridge",
        "Internal": bool(inputs.get("internal")),
        "Attachable": bool(inputs.get("attachable")),
        "Ingress": bool(inputs.get("ingress")),
        "EnableIPv6": bool(inputs.get("ipv6")),
        "IPAM": ipam,
        "Options": inputs.get("options") or {},
        "Labels": labels_of(inputs),
    }


def _observed(info: dict[str, Any]) -> Properties:
    ipam = info.get("IPAM") or {}
    return {
        "__meta": _META,
        "attachable": info.get("Attachable", False),
        "driver": info.get("Driver", ""),
        "id": info["Id"],
        "ingress": info.get("Ingress", False),
        "internal": info.get("Internal", False),
        "ipamConfigs": [
            {
                "auxAddress": item.get("AuxiliaryAddresses") or {},
                "gateway": item.get("Gateway", ""),
                "ipRange": item.get("IPRange", ""),
                "subnet": item.get("Subnet", ""),
            }
            for item in ipam.get("Config") or ()
        ],
        "ipamDriver": ipam.get("Driver", "default"),
        "ipv6": info.get("EnableIPv6", False),
        "labels": label_list(info.get("Labels")),
        "name": info["Name"],
        "options": info.get("Options") or {},
        "scope": info.get("Scope", "local"),
    }
