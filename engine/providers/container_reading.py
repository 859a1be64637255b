"""A container as Docker shows it, in the words of the provider's properties."""

from typing import Any

from engine.providers.network import label_list
from engine.values import Properties

_MEBIBYTE = 1024 * 1024
_UNITS = ((3_600 * 10**9, "h"), (60 * 10**9, "m"), (10**9, "s"))


def duration_text(nanoseconds: int) -> str:
    """Go's form of a duration: `0s`, `500ms`, `5s`, `1m30s`."""
    if nanoseconds < 10**9:
        for size, unit in ((10**6, "ms"), (10**3, "µs"), (1, "ns")):
            if nanoseconds >= size:
                return f"{nanoseconds / size:g}{unit}"
        return "0s"
    hours, rest = divmod(nanoseconds, _UNITS[0][0])
    minutes, rest = divmod(rest, _UNITS[1][0])
    seconds = f"{rest / 10**9:g}s"
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + seconds


def observe(info: dict[str, Any]) -> Properties:
    """Every property that a refresh reads, from an inspection."""
    config, host = info.get("Config") or {}, info.get("HostConfig") or {}
    observed: Properties = {
        "bridge": (info.get("NetworkSettings") or {}).get("Bridge") or "",
        "command": config.get("Cmd") or [],
        "domainname": config.get("Domainname") or "",
        "entrypoints": config.get("Entrypoint") or [],
        "hostname": config.get("Hostname") or "",
        "id": info["Id"],
        "name": info["Name"].lstrip("/"),
        "networkDatas": _networks(info),
        "platform": info.get("Platform") or "",
        "stdinOpen": bool(config.get("OpenStdin")),
        "stopSignal": config.get("StopSignal") or "",
        "stopTimeout": config.get("StopTimeout") or 0,
        "tty": bool(config.get("Tty")),
        "user": config.get("User") or "",
        "workingDir": config.get("WorkingDir") or "",
        **_host_settings(host),
    }
    if config.get("Healthcheck"):
        observed["healthcheck"] = _healthcheck(config["Healthcheck"])
    return observed


def _healthcheck(check: dict[str, Any]) -> Properties:
    durations = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "startPeriod"}
    durations["StartInterval"] = "startInterval"
    return {
        "tests": check.get("Test") or [],
        "retries": check.get("Retries") or 0,
        **{key: duration_text(check.get(name) or 0) for name, key in durations.items()},
    }


def _host_settings(host: dict[str, Any]) -> Properties:
    swap = host.get("MemorySwap") or 0
    policy = host.get("RestartPolicy") or {}
    settings: Properties = {
        "cpuSet": host.get("CpusetCpus") or "",
        "cpuShares": host.get("CpuShares") or 0,
        "init": bool(host.get("Init")),
        "ipcMode": host.get("IpcMode") or "",
        "logDriver": (host.get("LogConfig") or {}).get("Type") or "",
        "logOpts": (host.get("LogConfig") or {}).get("Config") or {},
        "maxRetryCount": policy.get("MaximumRetryCount") or 0,
        "memory": (host.get("Memory") or 0) // _MEBIBYTE,
        "memoryReservation": (host.get("MemoryReservation") or 0) // _MEBIBYTE,
        "memorySwap": swap // _MEBIBYTE if swap > 0 else swap,
        "networkMode": host.get("NetworkMode") or "",
        "pidMode": host.get("PidMode") or "",
        "privileged": bool(host.get("Privileged")),
        "publishAllPorts": bool(host.get("PublishAllPorts")),
        "readOnly": bool(host.get("ReadonlyRootfs")),
        "restart": policy.get("Name") or "no",
        "rm": bool(host.get("AutoRemove")),
        "runtime": host.get("Runtime") or "",
        "securityOpts": host.get("SecurityOpt") or [],
        "shmSize": (host.get("ShmSize") or 0) // _MEBIBYTE,
        "usernsMode": host.get("UsernsMode") or "",
        "mounts": [_mount(item) for item in host.get("Mounts") or ()],
        "hosts": [dict(zip(("host", "ip"), item.split(":", 1), strict=True)) for item in host.get("ExtraHosts") or ()],
        "ulimits": [
            {"name": item["Name"], "soft": item["Soft"], "hard": item["Hard"]} for item in host.get("Ulimits") or ()
        ],
        "devices": [
            {
                "hostPath": item["PathOnHost"],
                "containerPath": item["PathInContainer"],
                "permissions": item["CgroupPermissions"],
            }
            for item in host.get("Devices") or ()
        ],
    }
    for name, key in (("Dns", "dns"), ("DnsOptions", "dnsOpts"), ("DnsSearch", "dnsSearches")):
        settings[key] = host.get(name) or []
    for name, key in (("Tmpfs", "tmpfs"), ("Sysctls", "sysctls"), ("StorageOpt", "storageOpts")):
        settings[key] = host.get(name) or {}
    settings["groupAdds"] = host.get("GroupAdd") or []
    if host.get("CapAdd") or host.get("CapDrop"):
        settings["capabilities"] = {"adds": host.get("CapAdd") or [], "drops": host.get("CapDrop") or []}
    if host.get("NanoCpus"):
        settings["cpus"] = f"{host['NanoCpus'] / 10**9:.9f}".rstrip("0").rstrip(".")
    return settings


def _mount(mount: dict[str, Any]) -> Properties:
    item: Properties = {
        "readOnly": bool(mount.get("ReadOnly")),
        "source": mount.get("Source") or "",
        "target": mount["Target"],
        "type": mount["Type"],
    }
    if mount.get("BindOptions"):
        item["bindOptions"] = {"propagation": mount["BindOptions"].get("Propagation") or ""}
    if mount.get("VolumeOptions"):
        options = mount["VolumeOptions"]
        driver = options.get("DriverConfig") or {}
        item["volumeOptions"] = {
            "driverName": driver.get("Name") or "",
            "labels": label_list(options.get("Labels")),
            "noCopy": bool(options.get("NoCopy")),
            "subpath": options.get("Subpath") or "",
            **({"driverOptions": driver["Options"]} if driver.get("Options") else {}),
        }
    if mount.get("TmpfsOptions"):
        options = mount["TmpfsOptions"]
        item["tmpfsOptions"] = {"mode": options.get("Mode") or 0, "sizeBytes": options.get("SizeBytes") or 0}
    return item


def _networks(info: dict[str, Any]) -> list[Properties]:
    networks = (info.get("NetworkSettings") or {}).get("Networks") or {}
    return [
        {
            "gateway": network.get("Gateway") or "",
            "globalIpv6Address": network.get("GlobalIPv6Address") or "",
            "globalIpv6PrefixLength": network.get("GlobalIPv6PrefixLen") or 0,
            "ipAddress": network.get("IPAddress") or "",
            "ipPrefixLength": network.get("IPPrefixLen") or 0,
            "ipv6Gateway": network.get("IPv6Gateway") or "",
            "macAddress": network.get("MacAddress") or "",
            "networkName": name,
        }
        for name, network in networks.items()
    ]


def published_ports(info: dict[str, Any]) -> list[Properties]:
    """The published ports of a running container, by internal port."""
    bindings = (info.get("NetworkSettings") or {}).get("Ports") or {}
    ports = []
    for key in sorted(bindings, key=lambda name: int(name.split("/")[0])):
        internal, _, protocol = key.partition("/")
        ports += [
            {
                "external": int(binding["HostPort"]),
                "internal": int(internal),
                "ip": binding["HostIp"],
                "protocol": protocol,
            }
            for binding in bindings[key] or ()
        ]
    return ports
