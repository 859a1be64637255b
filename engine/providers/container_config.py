"""A container in Docker's words: the create and update requests, and an inspection read back."""

from collections.abc import Mapping
from typing import Any

from engine.providers.container_schema import SCHEMA
from engine.providers.network import labels_of
from engine.providers.schema import nanoseconds
from engine.values import Properties

_MEBIBYTE = 1024 * 1024
_NANO = 10**9


def _table(pairs: str) -> dict[str, str]:
    """Docker's names by the provider's, from `ours=Theirs` pairs."""
    return dict(pair.split("=") for pair in pairs.split())


_CONFIG = _table(
    "command=Cmd entrypoints=Entrypoint hostname=Hostname stdinOpen=OpenStdin stopSignal=StopSignal "
    "stopTimeout=StopTimeout tty=Tty user=User workingDir=WorkingDir"
)
_HOST = _table(
    "cpuSet=CpusetCpus cpuShares=CpuShares dns=Dns dnsOpts=DnsOptions dnsSearches=DnsSearch groupAdds=GroupAdd "
    "init=Init ipcMode=IpcMode networkMode=NetworkMode pidMode=PidMode privileged=Privileged readOnly=ReadonlyRootfs "
    "runtime=Runtime sysctls=Sysctls tmpfs=Tmpfs usernsMode=UsernsMode"
)
_MEBIBYTES = _table("memory=Memory memoryReservation=MemoryReservation memorySwap=MemorySwap shmSize=ShmSize")
_DURATIONS = _table("interval=Interval timeout=Timeout startPeriod=StartPeriod startInterval=StartInterval")
_BLANK: Mapping[str, Any] = {"text": "", "number": 0, "flag": False, "list": [], "set": [], "map": {}}


def create_request(inputs: Properties) -> dict[str, Any]:
    """The create request for plain `inputs`, secrets revealed."""
    request = {
        **_picked(inputs, _CONFIG),
        "Image": inputs["image"],
        "Labels": labels_of(inputs),
        "Env": inputs.get("envs") or [],
        "ExposedPorts": {_port_key(port): {} for port in inputs.get("ports") or ()},
        "Volumes": {item["containerPath"]: {} for item in inputs.get("volumes") or () if item.get("containerPath")},
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
    capabilities, options = inputs.get("capabilities") or {}, inputs.get("securityOpts") or []
    volumes = inputs.get("volumes") or ()
    host = {
        **_picked(inputs, _HOST),
        **resources(inputs),
        "Init": bool(inputs.get("init")),
        "ShmSize": (inputs.get("shmSize") or 0) * _MEBIBYTE,
        "LogConfig": {"Type": inputs.get("logDriver") or "", "Config": inputs.get("logOpts") or {}},
        "CapAdd": capabilities.get("adds") or [],
        "CapDrop": capabilities.get("drops") or [],
        "SecurityOpt": [option for option in options if option != "systempaths=unconfined"],
        "Binds": [_bind(item) for item in volumes if item.get("volumeName") or item.get("hostPath")],
        "VolumesFrom": [item["fromContainer"] for item in volumes if item.get("fromContainer")],
        "Mounts": [_mount(item) for item in inputs.get("mounts") or ()],
        "ExtraHosts": [f"{item['host']}:{item['ip']}" for item in inputs.get("hosts") or ()],
        "Ulimits": [
            {key.title(): item[key] for key in ("name", "soft", "hard")} for item in inputs.get("ulimits") or ()
        ],
        "PortBindings": {},
    }
    for port in inputs.get("ports") or ():
        binding = {"HostPort": str(port.get("external") or 0), "HostIp": port.get("ip") or ""}
        host["PortBindings"].setdefault(_port_key(port), []).append(binding)
    if "systempaths=unconfined" in options:
        host["MaskedPaths"] = host["ReadonlyPaths"] = []
    if inputs.get("cpus"):
        host["NanoCpus"] = round(float(inputs["cpus"]) * _NANO)
    return host


def resources(inputs: Properties) -> dict[str, Any]:
    """What can also be changed on a running container."""
    sizes = {name: inputs.get(key) or 0 for key, name in _MEBIBYTES.items() if key != "shmSize"}
    return {
        "RestartPolicy": {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount") or 0},
        "CpuShares": inputs.get("cpuShares") or 0,
        "CpusetCpus": inputs.get("cpuSet") or "",
        **{name: size * _MEBIBYTE if size > 0 else size for name, size in sizes.items()},
    }


def _port_key(port: Properties) -> str:
    return f"{port['internal']}/{port.get('protocol') or 'tcp'}"


def _bind(volume: Properties) -> str:
    relabel = f",{volume['selinuxRelabel']}" if volume.get("selinuxRelabel") else ""
    access = ("ro" if volume.get("readOnly") else "rw") + relabel
    return f"{volume.get('hostPath') or volume['volumeName']}:{volume['containerPath']}:{access}"


def _mount(item: Properties) -> dict[str, Any]:
    mount = {"Type": item["type"], "Target": item["target"], "Source": item.get("source") or ""}
    mount["ReadOnly"] = bool(item.get("readOnly"))
    options = item.get(f"{item['type']}Options")
    if options and item["type"] == "bind":
        mount["BindOptions"] = {"Propagation": options.get("propagation") or ""}
    elif options and item["type"] == "tmpfs":
        mount["TmpfsOptions"] = {"SizeBytes": options.get("sizeBytes") or 0, "Mode": options.get("mode") or 0}
    elif options:
        mount["VolumeOptions"] = {"NoCopy": bool(options.get("noCopy")), "Labels": labels_of(options)}
        if options.get("driverName") or options.get("driverOptions"):
            driver = {"Name": options.get("driverName") or "", "Options": options.get("driverOptions") or {}}
            mount["VolumeOptions"]["DriverConfig"] = driver
        if options.get("subpath"):
            mount["VolumeOptions"]["Subpath"] = options["subpath"]
    return mount


def endpoint(network: Properties) -> dict[str, Any]:
    """How the container joins one of its `networksAdvanced`."""
    addresses = {"IPv4Address": "ipv4Address", "IPv6Address": "ipv6Address", "LinkLocalIPs": "linkLocalIps"}
    options = (option.partition("=") for option in network.get("driverOpts") or ())
    return {
        "Aliases": network.get("aliases") or [],
        "IPAMConfig": {name: network[key] for name, key in addresses.items() if network.get(key)},
        "MacAddress": network.get("macAddress") or "",
        "DriverOpts": {key: value for key, _, value in options},
    }


# An inspection, read back


def observe(info: dict[str, Any]) -> Properties:
    """The properties that Docker tells: those that can drift, and those it fills in by itself."""
    config, host = info.get("Config") or {}, info.get("HostConfig") or {}
    settings = info.get("NetworkSettings") or {}
    observed: Properties = {
        "bridge": settings.get("Bridge") or "",
        "id": info["Id"],
        "name": info["Name"].lstrip("/"),
        "networkDatas": _networks(settings.get("Networks") or {}),
        "platform": info.get("Platform") or "",
        "restart": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "maxRetryCount": (host.get("RestartPolicy") or {}).get("MaximumRetryCount") or 0,
        "logDriver": (host.get("LogConfig") or {}).get("Type") or "",
        "securityOpts": host.get("SecurityOpt") or [],
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


def _networks(networks: dict[str, Any]) -> list[Properties]:
    names = _table(
        "gateway=Gateway globalIpv6Address=GlobalIPv6Address ipAddress=IPAddress ipv6Gateway=IPv6Gateway "
        "macAddress=MacAddress"
    )
    sizes = _table("globalIpv6PrefixLength=GlobalIPv6PrefixLen ipPrefixLength=IPPrefixLen")
    return [
        {
            "networkName": network,
            **{key: data.get(name) or "" for key, name in names.items()},
            **{key: data.get(name) or 0 for key, name in sizes.items()},
        }
        for network, data in networks.items()
    ]


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
