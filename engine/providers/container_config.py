"""A container's inputs as the body of Docker's create and update requests."""

import base64
import io
import tarfile
import time
from pathlib import Path
from typing import Any

from engine.errors import ProviderError
from engine.providers.network import labels_of
from engine.providers.schema import nanoseconds
from engine.values import Properties

_MEBIBYTE = 1024 * 1024
_NANO_CPUS = 10**9
_TEXTS = {
    "Runtime": "runtime",
    "UsernsMode": "usernsMode",
    "PidMode": "pidMode",
    "IpcMode": "ipcMode",
    "CgroupnsMode": "cgroupnsMode",
    "CgroupParent": "cgroupParent",
    "CpusetCpus": "cpuSet",
}
_LISTS = {"Dns": "dns", "DnsOptions": "dnsOpts", "DnsSearch": "dnsSearches", "GroupAdd": "groupAdds"}
_MAPS = {"Tmpfs": "tmpfs", "Sysctls": "sysctls", "StorageOpt": "storageOpts"}


def create_request(inputs: Properties) -> dict[str, Any]:
    """The create request for plain `inputs`, secrets revealed."""
    request: dict[str, Any] = {
        "Image": inputs["image"],
        "Hostname": inputs.get("hostname") or "",
        "Domainname": inputs.get("domainname") or "",
        "Tty": bool(inputs.get("tty")),
        "OpenStdin": bool(inputs.get("stdinOpen")),
        "StopSignal": inputs.get("stopSignal") or "",
        "Labels": labels_of(inputs),
        "HostConfig": _host_config(inputs),
    }
    for name, key in (("Env", "envs"), ("Cmd", "command"), ("Entrypoint", "entrypoints")):
        if inputs.get(key):
            request[name] = inputs[key]
    for name, key in (("User", "user"), ("WorkingDir", "workingDir"), ("StopTimeout", "stopTimeout")):
        if inputs.get(key):
            request[name] = inputs[key]
    if inputs.get("ports"):
        request["ExposedPorts"] = {_port_key(port): {} for port in inputs["ports"]}
    volumes = [item for item in inputs.get("volumes") or () if item.get("containerPath")]
    if volumes:
        request["Volumes"] = {item["containerPath"]: {} for item in volumes}
    if inputs.get("healthcheck"):
        request["Healthcheck"] = _healthcheck(inputs["healthcheck"])
    return request


def _healthcheck(check: Properties) -> dict[str, Any]:
    durations = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "startPeriod"}
    durations["StartInterval"] = "startInterval"
    return {
        "Test": check.get("tests") or [],
        "Retries": check.get("retries") or 0,
        **{name: nanoseconds(check.get(key) or "0s") for name, key in durations.items()},
    }


def _host_config(inputs: Properties) -> dict[str, Any]:
    host: dict[str, Any] = {
        "NetworkMode": inputs["networkMode"],
        "Privileged": bool(inputs.get("privileged")),
        "PublishAllPorts": bool(inputs.get("publishAllPorts")),
        "AutoRemove": bool(inputs.get("rm")),
        "ReadonlyRootfs": bool(inputs.get("readOnly")),
        "Init": bool(inputs.get("init")),
        "LogConfig": {"Type": inputs.get("logDriver") or "", "Config": inputs.get("logOpts") or {}},
        "ShmSize": (inputs.get("shmSize") or 0) * _MEBIBYTE,
        **resources(inputs),
    }
    for names in (_TEXTS, _LISTS, _MAPS):
        host |= {name: inputs[key] for name, key in names.items() if inputs.get(key)}
    host |= _limits(inputs)
    if inputs.get("ports"):
        bindings: dict[str, list[dict[str, str]]] = {}
        for port in inputs["ports"]:
            binding = {"HostPort": str(port.get("external") or 0), "HostIp": port.get("ip") or ""}
            bindings.setdefault(_port_key(port), []).append(binding)
        host["PortBindings"] = bindings
    volumes = inputs.get("volumes") or ()
    host["Binds"] = [_bind(item) for item in volumes if item.get("volumeName") or item.get("hostPath")]
    host["VolumesFrom"] = [item["fromContainer"] for item in volumes if item.get("fromContainer")]
    host["Mounts"] = [_mount(item) for item in inputs.get("mounts") or ()]
    host["ExtraHosts"] = [f"{item['host']}:{item['ip']}" for item in inputs.get("hosts") or ()]
    return host


def _limits(inputs: Properties) -> dict[str, Any]:
    host: dict[str, Any] = {}
    if inputs.get("cpus"):
        try:
            host["NanoCpus"] = round(float(inputs["cpus"]) * _NANO_CPUS)
        except ValueError as error:
            raise ProviderError(f"cpus: must be a number as text (got {inputs['cpus']!r}).") from error
    else:
        host["CpuPeriod"] = inputs.get("cpuPeriod") or 0
        host["CpuQuota"] = inputs.get("cpuQuota") or 0
    capabilities = inputs.get("capabilities") or {}
    host["CapAdd"] = capabilities.get("adds") or []
    host["CapDrop"] = capabilities.get("drops") or []
    options = inputs.get("securityOpts") or []
    host["SecurityOpt"] = [option for option in options if option != "systempaths=unconfined"]
    if len(host["SecurityOpt"]) != len(options):
        host["MaskedPaths"] = host["ReadonlyPaths"] = []
    host["Ulimits"] = [
        {"Name": item["name"], "Soft": item["soft"], "Hard": item["hard"]} for item in inputs.get("ulimits") or ()
    ]
    host["Devices"] = [
        {
            "PathOnHost": item["hostPath"],
            "PathInContainer": item.get("containerPath") or item["hostPath"],
            "CgroupPermissions": item.get("permissions") or "rwm",
        }
        for item in inputs.get("devices") or ()
    ]
    return host


def resources(inputs: Properties) -> dict[str, Any]:
    """What can also be changed on a running container; sizes in bytes."""
    swap = inputs.get("memorySwap") or 0
    return {
        "RestartPolicy": {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount") or 0},
        "CpuShares": inputs.get("cpuShares") or 0,
        "CpusetCpus": inputs.get("cpuSet") or "",
        "Memory": (inputs.get("memory") or 0) * _MEBIBYTE,
        "MemoryReservation": (inputs.get("memoryReservation") or 0) * _MEBIBYTE,
        "MemorySwap": swap * _MEBIBYTE if swap > 0 else swap,
    }


def _port_key(port: Properties) -> str:
    return f"{port['internal']}/{port.get('protocol') or 'tcp'}"


def _bind(volume: Properties) -> str:
    source = volume.get("hostPath") or volume["volumeName"]
    access = "ro" if volume.get("readOnly") else "rw"
    relabel = f",{volume['selinuxRelabel']}" if volume.get("selinuxRelabel") else ""
    return f"{source}:{volume['containerPath']}:{access}{relabel}"


def _mount(item: Properties) -> dict[str, Any]:
    mount: dict[str, Any] = {
        "Type": item["type"],
        "Target": item["target"],
        "Source": item.get("source") or "",
        "ReadOnly": bool(item.get("readOnly")),
    }
    if item["type"] == "bind" and item.get("bindOptions"):
        mount["BindOptions"] = {"Propagation": item["bindOptions"].get("propagation") or ""}
    if item["type"] == "volume" and item.get("volumeOptions"):
        options = item["volumeOptions"]
        mount["VolumeOptions"] = {"NoCopy": bool(options.get("noCopy")), "Labels": labels_of(options)}
        if options.get("driverName") or options.get("driverOptions"):
            driver = {"Name": options.get("driverName") or "", "Options": options.get("driverOptions") or {}}
            mount["VolumeOptions"]["DriverConfig"] = driver
        if options.get("subpath"):
            mount["VolumeOptions"]["Subpath"] = options["subpath"]
    if item["type"] == "tmpfs" and item.get("tmpfsOptions"):
        options = item["tmpfsOptions"]
        mount["TmpfsOptions"] = {"SizeBytes": options.get("sizeBytes") or 0, "Mode": options.get("mode") or 0}
    return mount


def endpoint(network: Properties) -> dict[str, Any]:
    """How the container joins one of its `networksAdvanced`."""
    options = (option.partition("=") for option in network.get("driverOpts") or ())
    return {
        "Aliases": network.get("aliases") or [],
        "IPAMConfig": {
            "IPv4Address": network.get("ipv4Address") or "",
            "IPv6Address": network.get("ipv6Address") or "",
            "LinkLocalIPs": network.get("linkLocalIps") or [],
        },
        "MacAddress": network.get("macAddress") or "",
        "DriverOpts": {key: value for key, _, value in options},
    }


def upload_archive(upload: Properties, cwd: Path) -> bytes:
    """A tar archive of one uploaded file. Raises ProviderError unless it has exactly one content."""
    sources = [key for key in ("content", "contentBase64", "source") if upload.get(key)]
    if len(sources) != 1:
        raise ProviderError(
            f"uploads {upload['file']}: give one of content, contentBase64 or source (got {len(sources)})."
        )
    if sources[0] == "content":
        data = upload["content"].encode()
    elif sources[0] == "contentBase64":
        data = base64.b64decode(upload["contentBase64"])
    else:
        try:
            data = (cwd / upload["source"]).read_bytes()
        except OSError as error:
            raise ProviderError(f"uploads {upload['file']}: cannot read {upload['source']} ({error}).") from error
    entry = tarfile.TarInfo(upload["file"])
    entry.size = len(data)
    entry.mtime = int(time.time())
    entry.mode = int(upload.get("permissions") or ("0744" if upload.get("executable") else "0644"), 8)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
