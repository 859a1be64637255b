"""The properties of docker:index/container:Container."""

from engine.providers.schema import (
    LABELS,
    Kind,
    Property,
    flag,
    listed,
    many,
    mapping,
    number,
    one,
    set_of,
    set_of_texts,
    text,
)


def _duration() -> Property:
    return Property(kind=Kind.DURATION, default="0s")


HEALTHCHECK = one(
    {
        "interval": _duration(),
        "retries": number(),
        "startInterval": _duration(),
        "startPeriod": _duration(),
        "tests": listed(),
        "timeout": _duration(),
    },
    computed=True,
    replaces=False,
)
_MOUNT = {
    "bindOptions": one({"propagation": text()}),
    "readOnly": flag(),
    "source": text(),
    "target": text(required=True),
    "tmpfsOptions": one({"mode": number(), "sizeBytes": number()}),
    "type": text(required=True),
    "volumeOptions": one(
        {
            "driverName": text(),
            "driverOptions": mapping(),
            "labels": LABELS,
            "noCopy": flag(),
            "subpath": text(),
        }
    ),
}
_NETWORK = {
    "aliases": set_of_texts(),
    "driverOpts": set_of_texts(),
    "ipv4Address": text(),
    "ipv6Address": text(),
    "linkLocalIps": set_of_texts(),
    "macAddress": text(),
    "name": text(required=True),
}
_PORT = {
    "external": number(computed=True),
    "internal": number(required=True),
    "ip": text(default="0.0.0.0"),  # noqa: S104  the provider's default
    "protocol": text(default="tcp"),
}
_UPLOAD = {
    "content": text(),
    "contentBase64": text(),
    "executable": flag(),
    "file": text(required=True),
    "permissions": text(),
    "source": text(),
    "sourceHash": text(),
}
_VOLUME = {
    "containerPath": text(),
    "fromContainer": text(),
    "hostPath": text(),
    "readOnly": flag(),
    "selinuxRelabel": text(),
    "volumeName": text(),
}

SCHEMA: dict[str, Property] = {
    "attach": flag(replaces=False),
    "capabilities": one({"adds": set_of_texts(), "drops": set_of_texts()}),
    "cgroupParent": text(),
    "cgroupnsMode": text(),
    "command": listed(computed=True),
    "containerReadRefreshTimeoutMilliseconds": number(replaces=False, default=15000),
    "cpuPeriod": number(replaces=False),
    "cpuQuota": number(replaces=False),
    "cpuSet": text(replaces=False),
    "cpuShares": number(replaces=False),
    "cpus": text(),
    "destroyGraceSeconds": number(replaces=False),
    "devices": set_of({"containerPath": text(), "hostPath": text(required=True), "permissions": text(default="rwm")}),
    "dns": set_of_texts(),
    "dnsOpts": set_of_texts(),
    "dnsSearches": set_of_texts(),
    "domainname": text(),
    "entrypoints": listed(computed=True),
    "envs": set_of_texts(computed=True),
    "groupAdds": set_of_texts(),
    "healthcheck": HEALTHCHECK,
    "hostname": text(computed=True),
    "hosts": set_of({"host": text(required=True), "ip": text(required=True)}),
    "image": text(required=True),
    "init": flag(computed=True, replaces=False),
    "ipcMode": text(computed=True),
    "labels": set_of(LABELS.fields, computed=True),
    "logDriver": text(computed=True),
    "logOpts": mapping(),
    "logs": flag(replaces=False),
    "maxRetryCount": number(replaces=False),
    "memory": number(replaces=False),
    "memoryReservation": number(replaces=False),
    # Docker doubles `memory` where no swap limit is given; reading that back is no change.
    "memorySwap": number(replaces=False, computed=True),
    "mounts": set_of(_MOUNT),
    "mustRun": flag(replaces=False, default=True),
    "name": text(),
    "networkMode": text(default="bridge"),
    "networksAdvanced": set_of(_NETWORK),
    "pidMode": text(),
    "platform": text(computed=True),
    "ports": many(_PORT),
    "privileged": flag(),
    "publishAllPorts": flag(),
    "readOnly": flag(),
    "removeVolumes": flag(replaces=False, default=True),
    "restart": text(replaces=False, default="no"),
    "rm": flag(replaces=False),
    "runtime": text(computed=True),
    "securityOpts": set_of_texts(computed=True),
    "shmSize": number(computed=True),
    "start": flag(replaces=False, default=True),
    "stdinOpen": flag(),
    "stopSignal": text(computed=True),
    "stopTimeout": number(computed=True),
    "storageOpts": mapping(),
    "sysctls": mapping(),
    "tmpfs": mapping(replaces=False),
    "tty": flag(),
    "ulimits": set_of({"hard": number(required=True), "name": text(required=True), "soft": number(required=True)}),
    "uploads": set_of(_UPLOAD),
    "user": text(kept_if_empty=True),
    "usernsMode": text(),
    "volumes": set_of(_VOLUME),
    "wait": flag(replaces=False),
    "waitTimeout": number(replaces=False, default=60),
    "workingDir": text(kept_if_empty=True),
}

SENT_ON_UPDATE = ("restart", "maxRetryCount", "cpuShares", "memory", "memoryReservation", "cpuSet", "memorySwap")
"""What Docker can change on a running container."""

STATE_ONLY = ("healthcheck", "init", "tmpfs", "cpuPeriod", "cpuQuota")
"""What the provider says it updates and does not: Docker cannot change it on a running container."""

CAN_DRIFT = frozenset([*SENT_ON_UPDATE, "cpus", "name"])
"""What can change on a container behind the engine's back; the rest is fixed when it is created."""
