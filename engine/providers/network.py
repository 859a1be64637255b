"""docker:index/network:Network."""

from typing import Any

from engine.errors import ProviderError
from engine.model import State
from engine.providers import Context
from engine.providers.bridged import Bridged
from engine.providers.docker_api import inspect
from engine.providers.removal import remove
from engine.providers.schema import LABEL, as_read, parse_schema, recorded
from engine.values import Properties, reveal

SCHEMA = parse_schema(
    """
    attachable   flag
    driver       text        computed
    ingress      flag
    internal     flag        computed
    ipamConfigs  object-set  computed
    ipamDriver   text        =default
    ipamOptions  map
    ipv6         flag
    labels       object-set
    name         text
    options      map         computed
    """,
    labels=LABEL,
    ipamConfigs=parse_schema("auxAddress map\ngateway text\nipRange text\nsubnet text"),
)
_SAME_NAMES = {"Name": "name", "Driver": "driver", "Internal": "internal", "Attachable": "attachable"}
_SAME_NAMES |= {"Ingress": "ingress", "EnableIPv6": "ipv6", "Options": "options"}
_IPAM_NAMES = {"Subnet": "subnet", "IPRange": "ipRange", "Gateway": "gateway", "AuxiliaryAddresses": "auxAddress"}


def labels_of(inputs: Properties) -> dict[str, str]:
    return {item["label"]: item["value"] for item in inputs.get("labels") or ()}


def label_list(labels: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]


class Network(Bridged):
    """A Docker network; every change replaces it."""

    schema = SCHEMA

    def claim(self, context: Context, inputs: Properties) -> None:
        name = str(reveal(inputs["name"]))
        if inspect(context.docker(), "networks", name) is not None:
            raise ProviderError(
                f"{context.name}: a network named {name!r} exists already and is not in the state. "
                f"Remove it (docker network rm {name}) or choose another name."
            )

    def recover(self, context: Context, inputs: Properties) -> None:
        found = inspect(context.docker(), "networks", str(reveal(inputs["name"])))
        if found is not None:
            remove(context, f"/networks/{found['Id']}", busy="has active endpoints")

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker = context.docker()
        id_ = docker.call("POST", "/networks/create", _request(reveal(inputs)))["Id"]
        return id_, {**_observed(inspect(docker, "networks", id_) or {"Id": id_}), **recorded(inputs, SCHEMA)}

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = inspect(context.docker(), "networks", state.id)
        return None if info is None else as_read(state, _observed(info), SCHEMA)

    def delete(self, context: Context, state: State) -> None:
        remove(context, f"/networks/{state.id}", busy="has active endpoints")


def _request(inputs: Properties) -> dict[str, Any]:
    request = {name: inputs[key] for name, key in _SAME_NAMES.items() if inputs.get(key)}
    pools = [
        {name: item[key] for name, key in _IPAM_NAMES.items() if item.get(key)}
        for item in inputs.get("ipamConfigs") or ()
    ]
    ipam = {"Driver": inputs["ipamDriver"], "Config": pools, "Options": inputs.get("ipamOptions") or {}}
    return {"CheckDuplicate": True, "Driver": "bridge", **request, "IPAM": ipam, "Labels": labels_of(inputs)}


def _observed(info: dict[str, Any]) -> Properties:
    ipam = info.get("IPAM") or {}
    blank = {"options": {}, "driver": "bridge"}
    pools = [
        {key: item.get(name) or ({} if key == "auxAddress" else "") for name, key in _IPAM_NAMES.items()}
        for item in ipam.get("Config") or ()
    ]
    return {
        "__meta": '{"schema_version":"1"}',
        "id": info["Id"],
        "ipamConfigs": pools,
        "ipamDriver": ipam.get("Driver", "default"),
        "labels": label_list(info.get("Labels")),
        "scope": info.get("Scope", "local"),
        **{key: info.get(name) or blank.get(key, False) for name, key in _SAME_NAMES.items()},
    }
