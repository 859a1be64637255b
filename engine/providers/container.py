"""docker:index/container:Container: its schema, the requests in Docker's words, and an inspection read back."""

import time
from collections.abc import Mapping
from typing import Any

from engine.errors import ProviderError
from engine.model import Diff, State
from engine.providers import POLL_SECONDS, REMOVE_SECONDS, Bridged, Context
from engine.providers.docker_api import DockerApi, DockerError, tolerating
from engine.providers.image import ensure_image
from engine.providers.schema import (
    LABEL,
    as_read,
    docker_names,
    duration_text,
    labels_of,
    nanoseconds,
    parse_schema,
    recorded,
)
from engine.values import Properties, reveal

_TIMES = '{"create":1200000000000,"delete":1200000000000,"update":1200000000000}'
_META = f'{{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{_TIMES},"schema_version":"2"}}'
_NOT_READ_BACK = ("envs", "labels", "ports", "volumes", "networksAdvanced", "mounts")
_MEBIBYTE = 1024 * 1024
_NANO = 10**9

SCHEMA = parse_schema(
    """
    text required           image
    text                    name networkMode=bridge
    text keeps              user workingDir
    text computed           hostname logDriver stopSignal
    text in-place           restart=no
    decimal                 cpus
    number in-place         cpuShares destroyGraceSeconds memory
    number in-place         containerReadRefreshTimeoutMilliseconds=15000 waitTimeout=60
    number in-place computed  memorySwap
    number computed         shmSize stopTimeout
    flag                    readOnly
    flag in-place           mustRun=true removeVolumes=true start=true
    flag in-place computed  init
    list computed           command entrypoints
    set computed            envs securityOpts
    map                     logOpts sysctls
    map in-place            tmpfs
    object                  capabilities
    object in-place computed  healthcheck
    objects                 ports
    object-set              mounts networksAdvanced ulimits volumes
    object-set computed     labels
    """,
    capabilities=parse_schema("set adds drops"),
    healthcheck=parse_schema("duration interval startInterval startPeriod timeout\nnumber retries\nlist tests"),
    labels=LABEL,
    mounts=parse_schema(
        "text required target type\ntext source\nflag readOnly\nobject tmpfsOptions",
        tmpfsOptions=parse_schema("number mode sizeBytes"),
    ),
    networksAdvanced=parse_schema("text required name\nset aliases"),
    ports=parse_schema("number required internal\nnumber computed external\ntext ip=0.0.0.0 protocol=tcp"),
    ulimits=parse_schema("text required name\nnumber required hard soft"),
    volumes=parse_schema("text required containerPath volumeName\nflag readOnly"),
)
"""`memorySwap` counts as computed: Docker doubles `memory` where it is not given."""

_SENT_ON_UPDATE = ("restart", "cpuShares", "memory", "memorySwap")
"""What Docker can change on a running container."""

_STATE_ONLY = ("healthcheck", "init", "tmpfs")
"""What the provider says it updates and does not: Docker cannot change it on an existing container."""

_CAN_DRIFT = {key: SCHEMA[key] for key in (*_SENT_ON_UPDATE, "cpus", "name")}
"""What can change on a container behind the engine's back; the rest is fixed when it is created."""

_CONFIG = docker_names("command=Cmd entrypoints=Entrypoint hostname stopSignal stopTimeout user workingDir")
_HOST = docker_names("cpuShares init networkMode readOnly=ReadonlyRootfs sysctls tmpfs")
_ONLY_READ = docker_names("ipcMode runtime securityOpts=SecurityOpt")
_MEBIBYTES = docker_names("memory memorySwap shmSize")
_DURATIONS = docker_names("interval timeout startPeriod startInterval")
_OF_NETWORK = docker_names(
    "gateway globalIpv6Address=GlobalIPv6Address ipAddress=IPAddress ipv6Gateway=IPv6Gateway macAddress "
    "globalIpv6PrefixLength=GlobalIPv6PrefixLen ipPrefixLength=IPPrefixLen"
)
_BLANK: Mapping[str, Any] = {"text": "", "number": 0, "flag": False, "list": [], "map": {}}


class Container(Bridged):
    """A Docker container. Its name is unique on the host, so it is deleted before it is replaced."""

    schema = SCHEMA
    kind, deleted_first = "containers", True

    def create(self, context: Context, inputs: Properties) -> tuple[str, Properties]:
        docker, plain = context.docker(), reveal(inputs)
        ensure_image(context, str(plain["image"]))
        request = create_request(plain)
        id_ = docker.call("POST", "/containers/create", request, params={"name": plain["name"]})["Id"]
        try:
            _join_networks(docker, id_, plain)
            if plain["start"]:
                docker.call("POST", f"/containers/{id_}/start")
        except ProviderError as error:
            info = None if error.unsure else self.find(context, id_)
            outputs = _recorded(inputs, info) if info else {"id": id_}
            raise ProviderError(f"{context.name}: {error}", (id_, outputs)) from error
        return id_, self._outputs(context, inputs, id_)

    def read(self, context: Context, state: State) -> tuple[Properties, Properties] | None:
        info = self.find(context, state.id)
        if info is None:
            return None
        fixed = {key for key in state.inputs if key in self.schema and key not in _CAN_DRIFT}
        observed = {key: value for key, value in observe(info).items() if key not in fixed}
        inputs, outputs = as_read(state, observed, _CAN_DRIFT)
        if not info["State"]["Running"]:
            outputs["exitCode"] = info["State"].get("ExitCode", 0)
            if reveal(inputs.get("mustRun")):
                inputs["mustRun"] = outputs["mustRun"] = False
        return inputs, outputs

    def update(self, context: Context, old: State, inputs: Properties, diff: Diff) -> Properties:
        docker, plain = context.docker(), reveal(inputs)
        ignored = [key for key in diff.keys if key in _STATE_ONLY]
        if ignored:
            text = f"{', '.join(ignored)} changed in the state only: Docker cannot change it on an existing container. "
            context.log("warning", f"{text}Add replace_on_changes={ignored!r} to replace the container instead.")
        if any(key in _SENT_ON_UPDATE for key in diff.keys):
            docker.call("POST", f"/containers/{old.id}/update", _resources(plain))
        if "mustRun" in diff.keys and plain["mustRun"] and plain["start"]:
            docker.call("POST", f"/containers/{old.id}/start")
        return self._outputs(context, inputs, old.id)

    def delete(self, context: Context, state: State) -> None:
        grace = int(reveal(state.outputs).get("destroyGraceSeconds") or 0)
        with tolerating():
            context.docker().call("POST", f"/containers/{state.id}/stop", params={"t": grace}, seconds=grace)
        self.remove(context, state.id)

    def remove(self, context: Context, id_: str) -> None:
        with tolerating("already in progress"):
            context.docker().call("DELETE", f"/containers/{id_}", params={"force": 1, "v": 1})
        deadline = time.monotonic() + REMOVE_SECONDS
        while self.find(context, id_) is not None:
            if time.monotonic() > deadline:
                raise ProviderError(f"container {id_[:12]}: Docker is still removing it. Run again.")
            time.sleep(POLL_SECONDS)

    def _outputs(self, context: Context, inputs: Properties, id_: str) -> Properties:
        info = self.find(context, id_)
        if info is None:
            raise ProviderError(f"{context.name}: the container is gone. Run refresh, then up.")
        return _recorded(inputs, info)


def _join_networks(docker: DockerApi, id_: str, plain: Properties) -> None:
    networks = plain.get("networksAdvanced") or ()
    if networks:
        with tolerating("is not connected to"):
            docker.call("POST", "/networks/bridge/disconnect", {"Container": id_})
    for network in networks:
        body = {"Container": id_, "EndpointConfig": {"Aliases": network.get("aliases") or []}}
        try:
            docker.call("POST", f"/networks/{network['name']}/connect", body)
        except DockerError as error:
            raise ProviderError(f"it cannot join the network {network['name']!r}: {error}") from error


def _recorded(inputs: Properties, info: dict[str, Any]) -> Properties:
    """The outputs: what Docker tells, and what the program gave as it gave it."""
    blank: Properties = {"attach": False, "logs": False, "wait": False, "rm": False}
    blank |= {key: [] for key in _NOT_READ_BACK}
    observed, given = observe(info), recorded(inputs, SCHEMA)
    if not info["State"]["Running"]:
        observed["exitCode"] = info["State"].get("ExitCode", 0)
    elif inputs.get("ports"):
        given["ports"] = published_ports(info) or given["ports"]
    return {"__meta": _META, **blank, **observed, **given}


# In Docker's words


def create_request(inputs: Properties) -> dict[str, Any]:
    """The create request for plain `inputs`, secrets revealed."""
    request = {**_picked(inputs, _CONFIG), "Image": inputs["image"], "HostConfig": _host_config(inputs)}
    request |= {"Labels": labels_of(inputs), "Env": inputs.get("envs") or []}
    request["ExposedPorts"] = {_port_key(port): {} for port in inputs.get("ports") or ()}
    request["Volumes"] = {item["containerPath"]: {} for item in inputs.get("volumes") or ()}
    check = inputs.get("healthcheck")
    if check:
        times = {name: nanoseconds(check.get(key) or "0s") for key, name in _DURATIONS.items()}
        request["Healthcheck"] = {"Test": check.get("tests") or [], "Retries": check.get("retries") or 0, **times}
    return request


def _picked(inputs: Properties, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: inputs[key] for key, name in names.items() if inputs.get(key)}


def _host_config(inputs: Properties) -> dict[str, Any]:
    capabilities = inputs.get("capabilities") or {}
    ulimits = inputs.get("ulimits") or ()
    host = {**_picked(inputs, _HOST), **_resources(inputs), "Init": bool(inputs.get("init")), "PortBindings": {}}
    host |= {"CapAdd": capabilities.get("adds") or [], "CapDrop": capabilities.get("drops") or []}
    host |= {"SecurityOpt": inputs.get("securityOpts") or [], "ShmSize": (inputs.get("shmSize") or 0) * _MEBIBYTE}
    host["NanoCpus"] = round(float(inputs.get("cpus") or 0) * _NANO)
    host["LogConfig"] = {"Type": inputs.get("logDriver") or "", "Config": inputs.get("logOpts") or {}}
    host["Binds"] = [_bind(item) for item in inputs.get("volumes") or ()]
    host["Mounts"] = [_mount(item) for item in inputs.get("mounts") or ()]
    host["Ulimits"] = [{key.title(): item[key] for key in ("name", "soft", "hard")} for item in ulimits]
    for port in inputs.get("ports") or ():
        binding = {"HostPort": str(port.get("external") or 0), "HostIp": port.get("ip") or ""}
        host["PortBindings"].setdefault(_port_key(port), []).append(binding)
    return host


def _resources(inputs: Properties) -> dict[str, Any]:
    """What can also be changed on a running container."""
    sizes = {name: inputs.get(key) or 0 for key, name in _MEBIBYTES.items() if key != "shmSize"}
    limits = {name: size * _MEBIBYTE if size > 0 else size for name, size in sizes.items()}
    return {"RestartPolicy": {"Name": inputs["restart"]}, "CpuShares": inputs.get("cpuShares") or 0, **limits}


def _port_key(port: Properties) -> str:
    return f"{port['internal']}/{port.get('protocol') or 'tcp'}"


def _bind(volume: Properties) -> str:
    return f"{volume['volumeName']}:{volume['containerPath']}:{'ro' if volume.get('readOnly') else 'rw'}"


def _mount(item: Properties) -> dict[str, Any]:
    mount = {"Type": item["type"], "Target": item["target"], "Source": item.get("source") or ""}
    mount["ReadOnly"] = bool(item.get("readOnly"))
    if options := item.get("tmpfsOptions"):
        mount["TmpfsOptions"] = {"SizeBytes": options.get("sizeBytes") or 0, "Mode": options.get("mode") or 0}
    return mount


# An inspection, read back


def observe(info: dict[str, Any]) -> Properties:
    """The properties that Docker tells: those that can drift, and those it fills in by itself."""
    config, host = info.get("Config") or {}, info.get("HostConfig") or {}
    settings = info.get("NetworkSettings") or {}
    observed: Properties = {"id": info["Id"], "name": info["Name"].lstrip("/"), "platform": info.get("Platform") or ""}
    observed |= {"bridge": settings.get("Bridge") or "", "networkDatas": _networks(settings.get("Networks") or {})}
    observed["restart"] = (host.get("RestartPolicy") or {}).get("Name") or "no"
    observed["logDriver"] = (host.get("LogConfig") or {}).get("Type") or ""
    observed |= {key: host.get(name) or ([] if key == "securityOpts" else "") for key, name in _ONLY_READ.items()}
    for part, names in ((config, _CONFIG), (host, _HOST)):
        observed |= {key: part.get(name) or _BLANK[SCHEMA[key].kind] for key, name in names.items()}
    for key, name in _MEBIBYTES.items():
        size = host.get(name) or 0
        observed[key] = size // _MEBIBYTE if size > 0 else size
    if host.get("NanoCpus"):
        observed["cpus"] = cpus_text(host["NanoCpus"] / _NANO)
    check = config.get("Healthcheck")
    if check:
        times = {key: duration_text(check.get(name) or 0) for key, name in _DURATIONS.items()}
        observed["healthcheck"] = {"tests": check.get("Test") or [], "retries": check.get("Retries") or 0, **times}
    return observed


def _networks(networks: Mapping[str, Any]) -> list[Properties]:
    blank = {key: 0 if key.endswith("Length") else "" for key in _OF_NETWORK}
    told = {
        name: {key: data.get(_OF_NETWORK[key]) or none for key, none in blank.items()}
        for name, data in networks.items()
    }
    return [{"networkName": name, **data} for name, data in told.items()]


def cpus_text(cpus: float) -> str:
    """In the words in which the real provider reads it back: `0.25`, `1.0`, but `10.`."""
    text = f"{cpus:.9f}"
    return f"{cpus:.1f}" if text.count("0") == 9 else text.rstrip("0")  # noqa: PLR2004  its test for a round number


def published_ports(info: dict[str, Any]) -> list[Properties]:
    """The published ports of a running container, by internal port."""
    bindings = (info.get("NetworkSettings") or {}).get("Ports") or {}
    ports: list[Any] = [(*key.split("/"), binding) for key, found in bindings.items() for binding in found or ()]
    return [
        {"external": int(binding["HostPort"]), "internal": int(port), "ip": binding["HostIp"], "protocol": protocol}
        for port, protocol, binding in sorted(ports, key=lambda item: int(item[0]))
    ]
