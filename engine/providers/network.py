"""docker:index/network:Network and docker:index/volume:Volume: what may still be in use for a moment."""

import time
from typing import Any
from urllib.parse import quote

from engine.model import State
from engine.providers import Bridged, Context
from engine.providers.docker_api import NOT_FOUND, DockerError, inspect
from engine.providers.schema import LABEL, as_read, label_list, labels_of, parse_schema, recorded
from engine.values import Properties, reveal

_NETWORK = parse_schema(
    "text name ipamDriver=default\ntext computed driver\nflag computed internal\nobject-set labels", labels=LABEL
)
_VOLUME = parse_schema("text computed driver name\nobject-set labels", labels=LABEL)
_READ = {"name": "Name", "driver": "Driver", "internal": "Internal", "attachable": "Attachable", "ingress": "Ingress"}
_READ |= {"ipv6": "EnableIPv6", "options": "Options"}
_BLANK: Properties = {"options": {}, "driver": "bridge"}
_POOL = {"subnet": "Subnet", "ipRange": "IPRange", "gateway": "Gateway", "auxAddress": "AuxiliaryAddresses"}
_META = '{"schema_version":"1"}'
_SECONDS = 30.0
_POLL_SECONDS = 0.2


class Network(Bridged):
    """A Docker network; every change replaces it."""

    schema = _NETWORK
    kind = "networks"

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker, plain = context.docker(), reveal(inputs)
        request = {"Name": plain["name"], "Driver": plain.get("driver") or "bridge", "Labels": labels_of(plain)}
        request |= {"CheckDuplicate": True, "Internal": bool(plain.get("internal"))}
        request["IPAM"] = {"Driver": plain["ipamDriver"], "Config": [], "Options": {}}
        id_ = docker.call("POST", "/networks/create", request)["Id"]
        return id_, {**_network(inspect(docker, "networks", id_) or {"Id": id_}), **recorded(inputs, _NETWORK)}

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = inspect(context.docker(), "networks", state.id)
        return None if info is None else as_read(state, _network(info), _NETWORK)

    def delete(self, context: Context, state: State) -> None:
        self.remove(context, state.id)

    def remove(self, context: Context, id_: str) -> None:
        _remove(context, f"/networks/{id_}", busy="has active endpoints")


def _network(info: dict[str, Any]) -> Properties:
    ipam = info.get("IPAM") or {}
    pools = [
        {key: item.get(name) or ({} if key == "auxAddress" else "") for key, name in _POOL.items()}
        for item in ipam.get("Config") or ()
    ]
    return {
        "__meta": _META,
        "id": info["Id"],
        "ipamConfigs": pools,
        "ipamDriver": ipam.get("Driver", "default"),
        "labels": label_list(info.get("Labels")),
        "scope": info.get("Scope", "local"),
        **{key: info.get(name) or _BLANK.get(key, False) for key, name in _READ.items()},
    }


class Volume(Bridged):
    """A Docker volume; every change replaces it. A volume of the name that exists already is adopted."""

    schema = _VOLUME

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        request = {"Name": plain["name"], "Driver": plain.get("driver") or "local", "Labels": labels_of(plain)}
        context.docker().call("POST", "/volumes/create", request)
        info = inspect(context.docker(), "volumes", plain["name"])
        return plain["name"], {**(_volume(info) if info else {}), **recorded(inputs, _VOLUME)}

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = inspect(context.docker(), "volumes", state.id)
        return None if info is None else as_read(state, _volume(info), _VOLUME)

    def delete(self, context: Context, state: State) -> None:
        _remove(context, f"/volumes/{quote(state.id, safe='')}", busy="volume is in use")


def _volume(info: dict[str, Any]) -> Properties:
    observed = {"driver": info["Driver"], "id": info["Name"], "mountpoint": info["Mountpoint"], "name": info["Name"]}
    return {"__meta": _META, **observed, "labels": label_list(info.get("Labels"))}


def _remove(context: Context, path: str, *, busy: str) -> None:
    """Deletes `path`, again while the error says `busy`. Raises DockerError; what is gone is no error."""
    deadline = time.monotonic() + (context.timeout_seconds or _SECONDS)
    while True:
        try:
            context.docker().call("DELETE", path)
        except DockerError as error:
            if error.status == NOT_FOUND:
                return
            if busy not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
