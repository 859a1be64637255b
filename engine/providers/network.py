"""docker:index/network:Network and docker:index/volume:Volume."""

from typing import Any

from engine.providers import Bridged, Context
from engine.providers.schema import LABEL, docker_names, label_list, labels_of, parse_schema, recorded
from engine.values import Properties, reveal

_READ = docker_names("name driver internal attachable ingress ipv6=EnableIPv6 options")
_BLANK: Properties = {"options": {}, "driver": "bridge"}
_POOL = docker_names("subnet ipRange=IPRange gateway auxAddress=AuxiliaryAddresses")
_META = '{"schema_version":"1"}'


class Network(Bridged):
    """A Docker network; every change replaces it. It is busy for a moment after its last container has gone."""

    schema = parse_schema(
        "text name ipamDriver=default\ntext computed driver\nflag computed internal\nobject-set labels", labels=LABEL
    )
    kind, busy = "networks", "has active endpoints"

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker, plain = context.docker(), reveal(inputs)
        request = {"Name": plain["name"], "Driver": plain.get("driver") or "bridge", "Labels": labels_of(plain)}
        request |= {"CheckDuplicate": True, "Internal": bool(plain.get("internal"))}
        request["IPAM"] = {"Driver": plain["ipamDriver"], "Config": [], "Options": {}}
        id_ = docker.call("POST", "/networks/create", request)["Id"]
        return id_, {**self.observe(self.find(context, id_) or {"Id": id_}), **recorded(inputs, self.schema)}

    def observe(self, info: dict[str, Any]) -> Properties:
        ipam = info.get("IPAM") or {}
        blank: Properties = {"auxAddress": {}}
        found = ipam.get("Config") or ()
        pools = [{key: item.get(name) or blank.get(key, "") for key, name in _POOL.items()} for item in found]
        known = {"id": info["Id"], "labels": label_list(info.get("Labels")), "scope": info.get("Scope", "local")}
        known |= {"ipamConfigs": pools, "ipamDriver": ipam.get("Driver", "default")}
        read = {key: info.get(name) or _BLANK.get(key, False) for key, name in _READ.items()}
        return {"__meta": _META, **known, **read}


class Volume(Bridged):
    """A Docker volume; every change replaces it. A volume of the name that exists already is adopted."""

    schema = parse_schema("text computed driver name\nobject-set labels", labels=LABEL)
    kind, busy = "volumes", "volume is in use"
    is_claimed = False

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        plain = reveal(inputs)
        request = {"Name": plain["name"], "Driver": plain.get("driver") or "local", "Labels": labels_of(plain)}
        context.docker().call("POST", "/volumes/create", request)
        info = self.find(context, plain["name"])
        return plain["name"], {**(self.observe(info) if info else {}), **recorded(inputs, self.schema)}

    def observe(self, info: dict[str, Any]) -> Properties:
        known = {"driver": info["Driver"], "id": info["Name"], "mountpoint": info["Mountpoint"], "name": info["Name"]}
        return {"__meta": _META, **known, "labels": label_list(info.get("Labels"))}
