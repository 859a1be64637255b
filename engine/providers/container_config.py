"""A container in Docker's words: its schema, the create and update requests, and an inspection read back."""

from collections.abc import Mapping
from typing import Any

from engine.providers.schema import LABEL, labels_of, nanoseconds, parse_schema
from engine.values import Properties

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

SENT_ON_UPDATE = ("restart", "cpuShares", "memory", "memorySwap")
"""What Docker can change on a running container."""

STATE_ONLY = ("healthcheck", "init", "tmpfs")
"""What the provider says it updates and does not: Docker cannot change it on an existing container."""

CAN_DRIFT = frozenset([*SENT_ON_UPDATE, "cpus", "name"])
"""What can change on a container behind the engine's back; the rest is fixed when it is created."""


def _table(pairs: str) -> dict[str, str]:
    """Docker's names by the provider's, from `ours=Theirs` pairs."""
    return dict(pair.split("=") for pair in pairs.split())


_CONFIG = _table(
    "command=Cmd entrypoints=Entrypoint hostname=Hostname stopSignal=StopSignal stopTimeout=StopTimeout user=User "
    "workingDir=WorkingDir"
)
_HOST = _table(
    "cpuShares=CpuShares init=Init networkMode=NetworkMode readOnly=ReadonlyRootfs sysctls=Sysctls tmpfs=Tmpfs"
)
_ONLY_READ = _table("ipcMode=IpcMode runtime=Runtime securityOpts=SecurityOpt")
_MEBIBYTES = _table("memory=Memory memorySwap=MemorySwap shmSize=ShmSize")
_DURATIONS = _table("interval=Interval timeout=Timeout startPeriod=StartPeriod startInterval=StartInterval")
_OF_NETWORK = _table(
    "gateway=Gateway globalIpv6Address=GlobalIPv6Address ipAddress=IPAddress ipv6Gateway=IPv6Gateway "
    "macAddress=MacAddress globalIpv6PrefixLength=GlobalIPv6PrefixLen ipPrefixLength=IPPrefixLen"
)
_BLANK: Mapping[str, Any] = {"text": "", "number": 0, "flag": False, "list": [], "map": {}}


def create_request(inputs: Properties) -> dict[str, Any]:
    """The create request for plain `inputs`, secrets revealed."""
    request = {
        **_picked(inputs, _CONFIG),
        "Image": inputs["image"],
        "Labels": labels_of(inputs),
        "Env": inputs.get("envs") or [],
        "ExposedPorts": {_port_key(port): {} for port in inputs.get("ports") or ()},
        "Volumes": {item["containerPath"]: {} for item in inputs.get("volumes") or ()},
        "HostConfig": _host_config(inputs),
    }
    check = inputs.get("healthcheck")
    if check:
        times = {name: nanoseconds(check.get(key) or "0s") for key, name in _DURATIONS.items()}
        request["Healthcheck"] = {"Test": check.get("tests") or [], "Retries": check.get("retries") or 0, **times}
    return request


def _picked(inputs: Properties, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: inputs[key] for key, name in names.items() if inputs.get(key)}


def _host_config(inputs: Properties) -> dict[str, Any]:
    capabilities = inputs.get("capabilities") or {}
    host = {
        **_picked(inputs, _HOST),
        **resources(inputs),
        "Init": bool(inputs.get("init")),
        "NanoCpus": round(float(inputs.get("cpus") or 0) * _NANO),
        "ShmSize": (inputs.get("shmSize") or 0) * _MEBIBYTE,
        "LogConfig": {"Type": inputs.get("logDriver") or "", "Config": inputs.get("logOpts") or {}},
        "CapAdd": capabilities.get("adds") or [],
        "CapDrop": capabilities.get("drops") or [],
        "SecurityOpt": inputs.get("securityOpts") or [],
        "Binds": [_bind(item) for item in inputs.get("volumes") or ()],
        "Mounts": [_mount(item) for item in inputs.get("mounts") or ()],
        "Ulimits": [
            {key.title(): item[key] for key in ("name", "soft", "hard")} for item in inputs.get("ulimits") or ()
        ],
        "PortBindings": {},
    }
    for port in inputs.get("ports") or ():
        binding = {"HostPort": str(port.get("external") or 0), "HostIp": port.get("ip") or ""}
        host["PortBindings"].setdefault(_port_key(port), []).append(binding)
    return host


def resources(inputs: Properties) -> dict[str, Any]:
    """What can also be changed on a running container."""
    sizes = {name: inputs.get(key) or 0 for key, name in _MEBIBYTES.items() if key != "shmSize"}
    return {
        "RestartPolicy": {"Name": inputs["restart"]},
        "CpuShares": inputs.get("cpuShares") or 0,
        **{name: size * _MEBIBYTE if size > 0 else size for name, size in sizes.items()},
    }


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
    observed: Properties = {
        "bridge": settings.get("Bridge") or "",
        "id": info["Id"],
        "name": info["Name"].lstrip("/"),
        "networkDatas": [
            {
                "networkName": network,
                **{key: data.get(name) or (0 if key.endswith("Length") else "") for key, name in _OF_NETWORK.items()},
            }
            for network, data in (settings.get("Networks") or {}).items()
        ],
        "platform": info.get("Platform") or "",
        "restart": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "logDriver": (host.get("LogConfig") or {}).get("Type") or "",
        **{key: host.get(name) or ([] if key == "securityOpts" else "") for key, name in _ONLY_READ.items()},
    }
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


def cpus_text(cpus: float) -> str:
    """In the words in which the real provider reads it back: `0.25`, `1.0`, but `10.`."""
    text = f"{cpus:.9f}"
    return f"{cpus:.1f}" if text.count("0") == 9 else text.rstrip("0")  # noqa: PLR2004  its test for a round number


def duration_text(nanoseconds: int) -> str:
    """Go's form of a duration: `0s`, `500ms`, `5s`, `1m30s`."""
    if nanoseconds < _NANO:
        units = ((10**6, "ms"), (10**3, "µs"), (1, "ns"))
        return next((f"{nanoseconds / size:g}{unit}" for size, unit in units if nanoseconds >= size), "0s")
    minutes, rest = divmod(nanoseconds, 60 * _NANO)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest / _NANO:g}s"


def published_ports(info: dict[str, Any]) -> list[Properties]:
    """The published ports of a running container, by internal port."""
    bindings = (info.get("NetworkSettings") or {}).get("Ports") or {}
    return [
        {
            "external": int(binding["HostPort"]),
            "internal": int(key.split("/")[0]),
            "ip": binding["HostIp"],
            "protocol": key.split("/")[1],
        }
        for key in sorted(bindings, key=lambda name: int(name.split("/")[0]))
        for binding in bindings[key] or ()
    ]
