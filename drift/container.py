"""A container as it is beside what the program declares: pure, property by property."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from drift.finding import short_hash
from drift.recorded import Container, labels_of

_MEBIBYTE, _NANO, _SECOND = 1024**2, 10**9, 10**9
_UNITS = {"h": 3600 * _SECOND, "m": 60 * _SECOND, "s": _SECOND, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}


class Aspect(NamedTuple):
    """One property, in words that can be compared and shown."""

    kind: str
    expected: str
    found: str


def differing(recorded: Container, info: Mapping[str, Any], image: Mapping[str, Any]) -> list[Aspect]:
    """What is not as declared. `image` is the inspection of what the container runs; empty if it is gone."""
    every = (_made_of, _mounted, _attached, _limited, _confined, _living)
    found = [aspect for aspects in every for aspect in aspects(recorded, info, image)]
    return [aspect for aspect in found if aspect.expected != aspect.found]


def _made_of(recorded: Container, info: Mapping[str, Any], image: Mapping[str, Any]) -> Iterator[Aspect]:
    config, inputs, base = info["Config"], recorded.inputs, image.get("Config") or {}
    if "image" not in recorded.ignored:
        yield Aspect("C005", str(inputs["image"]), str(config["Image"]))
    own, env = _environment(base.get("Env")), _environment(config.get("Env"))
    declared = _environment(inputs.get("envs"))
    if image or declared.items() - env.items():
        # Values may be secrets: by hash, and by name.
        yield _differences("C006", _hashed(own | declared), _hashed(env if image else _among(env, declared)))
    labels, given = labels_of(inputs), config.get("Labels") or {}
    yield _differences("C007", (base.get("Labels") or {}) | labels, given if image else _among(given, labels))
    yield Aspect("C022", str(inputs.get("user") or base.get("User") or ""), str(config.get("User") or ""))
    if image or inputs.get("entrypoints"):  # else a part of it is the image's, which is gone
        yield Aspect("C023", *_commands(_command(inputs, base), _words(config.get("Entrypoint"), config.get("Cmd"))))
    yield Aspect("C023", _flag("init", inputs.get("init")), _flag("init", info["HostConfig"].get("Init")))


def _command(inputs: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """What runs: the image's own, where nothing else is declared. Another entry point takes no words of the image."""
    entrypoint, command = inputs.get("entrypoints") or [], inputs.get("command") or []
    if not command and not entrypoint:
        command = base.get("Cmd") or []
    return _words(entrypoint or base.get("Entrypoint"), command)


def _words(entrypoint: Any, command: Any) -> list[str]:
    return [*(entrypoint or ()), *(command or ())]


def _commands(expected: list[str], found: list[str]) -> tuple[str, str]:
    """The words that only one of them has; of those that nobody declared without values, which may be secrets."""
    if expected == found:
        return "", ""
    missing = [word for word in expected if word not in found]
    more = [_masked(word) for word in found if word not in expected]
    if not missing and not more:
        return f"{len(expected)} words in their order", f"{len(found)} of the same words in another"
    return " ".join(missing) or "no more words", " ".join(more) or "without these words"


def _masked(word: str) -> str:
    key, sign, value = word.partition("=")
    return f"{key}={short_hash(value)}" if sign else word


def _mounted(recorded: Container, info: Mapping[str, Any], image: Mapping[str, Any]) -> Iterator[Aspect]:
    inputs, host = recorded.inputs, info["HostConfig"]
    declared = {
        each["containerPath"]: f"{each['volumeName']}{':ro' if each.get('readOnly') else ''}"
        for each in inputs.get("volumes") or ()
    }
    anonymous = (image.get("Config") or {}).get("Volumes") or {}
    mounts = [each for each in info.get("Mounts") or () if each["Type"] != "tmpfs"]
    found = {
        each["Destination"]: f"{each.get('Name') or each.get('Source')}{'' if each.get('RW') else ':ro'}"
        for each in mounts
        if each["Destination"] in declared or each["Destination"] not in anonymous
    }
    yield _differences("C008", declared, found)
    memory = {each["target"]: _tmpfs(each.get("tmpfsOptions") or {}) for each in inputs.get("mounts") or ()}
    given = {each["Target"]: each for each in host.get("Mounts") or () if each["Type"] == "tmpfs"}
    sizes = {
        path: _tmpfs({"sizeBytes": (each.get("TmpfsOptions") or {}).get("SizeBytes")}) for path, each in given.items()
    }
    yield _differences("C009", memory | dict(inputs.get("tmpfs") or {}), sizes | dict(host.get("Tmpfs") or {}))


def _tmpfs(options: Mapping[str, Any]) -> str:
    return f"{(options.get('sizeBytes') or 0) // _MEBIBYTE} MiB"


def _attached(recorded: Container, info: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[Aspect]:
    inputs, host = recorded.inputs, info["HostConfig"]
    mode = str(inputs.get("networkMode") or "bridge")
    networks = (info.get("NetworkSettings") or {}).get("Networks") or {}
    if mode.startswith(("container:", "host", "none")):
        yield Aspect("C010", mode, str(host.get("NetworkMode")))
    else:
        declared = {each["name"]: sorted(each.get("aliases") or ()) for each in inputs.get("networksAdvanced") or ()}
        yield _differences("C010", dict.fromkeys(declared, "joined"), dict.fromkeys(networks, "joined"))
        by_itself = {info["Id"][:12], recorded.name}
        aliases = {
            name: sorted(set(networks[name].get("Aliases") or ()) - by_itself) for name in declared if name in networks
        }
        expected = {name: " ".join(words) for name, words in declared.items() if name in networks}
        yield _differences("C011", expected, {name: " ".join(words) for name, words in aliases.items()})
    ports = {_port(each["ip"], each["external"], each["internal"], each.get("protocol")) for each in _ports(inputs)}
    bound = {
        _port(binding["HostIp"], binding["HostPort"], *inside.split("/"))
        for inside, bindings in (host.get("PortBindings") or {}).items()
        for binding in bindings or ()
    }
    yield Aspect("C012", _listed(ports), _listed(bound))


def _ports(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"ip": "0.0.0.0", **each} for each in inputs.get("ports") or ()]  # noqa: S104 - Docker's default


def _port(address: str, external: Any, internal: Any, protocol: str | None = "tcp") -> str:
    return f"{address or '0.0.0.0'}:{external}->{internal}/{protocol or 'tcp'}"  # noqa: S104 - the same


def _limited(recorded: Container, info: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[Aspect]:
    inputs, host = recorded.inputs, info["HostConfig"]
    if inputs.get("cpus"):
        expected = f"{float(inputs['cpus']):g} CPUs"
        yield Aspect("C013", expected, f"{(host.get('NanoCpus') or 0) / _NANO:g} CPUs")
    yield Aspect("C013", f"{inputs.get('cpuShares') or 0} shares", f"{host.get('CpuShares') or 0} shares")
    memory = inputs.get("memory") or 0
    yield Aspect("C014", _size(memory * _MEBIBYTE), _size(host.get("Memory")))
    if "memorySwap" in inputs:
        swap = inputs["memorySwap"] or 0
        yield Aspect("C015", _size(swap * _MEBIBYTE if swap > 0 else swap), _size(host.get("MemorySwap")))
    if recorded.pids is not None:
        yield Aspect("C016", f"{recorded.pids} processes", f"{host.get('PidsLimit') or 'unlimited'} processes")
    if inputs.get("shmSize"):
        yield Aspect("C017", _size(inputs["shmSize"] * _MEBIBYTE), _size(host.get("ShmSize")))
    declared = {each["name"]: f"{each['soft']}:{each['hard']}" for each in inputs.get("ulimits") or ()}
    found = {each["Name"]: f"{each['Soft']}:{each['Hard']}" for each in host.get("Ulimits") or ()}
    yield _differences("C018", declared, found)
    nobody = ("CpusetCpus", "CpusetMems", "CpuQuota", "CpuPeriod", "MemoryReservation", "BlkioWeight")
    yield Aspect("C030", "none", _listed({f"{key} {host[key]}" for key in nobody if host.get(key)}) or "none")


def _size(value: Any) -> str:
    number = int(value or 0)
    if number <= 0:
        return "unlimited"
    return f"{number // _MEBIBYTE} MiB" if number % _MEBIBYTE == 0 else f"{number} bytes"


def _confined(recorded: Container, info: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[Aspect]:
    inputs, host = recorded.inputs, info["HostConfig"]
    declared = inputs.get("capabilities") or {}
    yield Aspect(
        "C019",
        _capabilities(declared.get("adds"), declared.get("drops")),
        _capabilities(host.get("CapAdd"), host.get("CapDrop")),
    )
    options = [{_option(each) for each in some or ()} for some in (inputs.get("securityOpts"), host.get("SecurityOpt"))]
    yield Aspect("C020", *(_listed(each) or "none" for each in options))
    yield Aspect("C021", _root(inputs.get("readOnly")), _root(host.get("ReadonlyRootfs")))
    yield _differences("C028", inputs.get("sysctls") or {}, host.get("Sysctls") or {})
    rights = {key: host.get(key) for key in ("Privileged", "PidMode", "UTSMode", "UsernsMode", "Devices", "GroupAdd")}
    rights |= {key: host.get(key) for key in ("ExtraHosts", "Dns", "VolumesFrom", "DeviceRequests", "CgroupParent")}
    given = {f"{key} {value}" for key, value in rights.items() if value}
    given |= {f"IpcMode {host['IpcMode']}"} if host.get("IpcMode") not in (None, "", "private", "shareable") else set()
    yield Aspect("C029", "none", _listed(given) or "none")


def _capabilities(adds: Any, drops: Any) -> str:
    signed = [("+", adds), ("-", drops)]
    return _listed({f"{sign}{each.upper().removeprefix('CAP_')}" for sign, some in signed for each in some or ()})


def _option(text: str) -> str:
    """`no-new-privileges` has been written in three ways."""
    name, _, value = text.replace("=", ":", 1).partition(":")
    return f"{name}:{value or 'true'}"


def _root(read_only: Any) -> str:
    return "read-only" if read_only else "writable"


def _living(recorded: Container, info: Mapping[str, Any], image: Mapping[str, Any]) -> Iterator[Aspect]:
    inputs, config, host = recorded.inputs, info["Config"], info["HostConfig"]
    base = image.get("Config") or {}
    check = inputs.get("healthcheck")
    given = config.get("Healthcheck")
    yield Aspect("C024", _declared_health(check) if check else _health(base.get("Healthcheck")), _health(given))
    if recorded.inputs.get("restart"):
        yield Aspect("C025", inputs["restart"], (host.get("RestartPolicy") or {}).get("Name") or "no")
    signal = inputs.get("stopSignal") or base.get("StopSignal") or ""
    yield Aspect("C026", signal, config.get("StopSignal") or "")
    if "stopTimeout" in inputs:
        yield Aspect("C026", f"{inputs['stopTimeout']} s", f"{config.get('StopTimeout')} s")
    log = host.get("LogConfig") or {}
    if inputs.get("logDriver"):
        declared = {"driver": inputs["logDriver"], **(inputs.get("logOpts") or {})}
        yield _differences("C027", declared, {"driver": log.get("Type"), **(log.get("Config") or {})})


def _declared_health(check: Mapping[str, Any]) -> str:
    times = [nanoseconds(str(check.get(key) or "0s")) for key in ("interval", "timeout", "startPeriod")]
    return _health_text(check.get("tests"), times, check.get("retries"))


def _health(check: Mapping[str, Any] | None) -> str:
    if not check:
        return "none"
    times = [int(check.get(key) or 0) for key in ("Interval", "Timeout", "StartPeriod")]
    return _health_text(check.get("Test"), times, check.get("Retries"))


def _health_text(tests: Any, times: list[int], retries: Any) -> str:
    interval, timeout, start = (f"{value / _SECOND:g} s" for value in times)
    return f"{' '.join(tests or ())}; every {interval}, at most {timeout}, {retries} retries, start in {start}"


def nanoseconds(text: str) -> int:
    """Of a duration as Go writes it, such as `1m15s`."""
    total, number, unit = 0.0, "", ""
    for char in f"{text} ":
        if unit and (char.isdigit() or char in ". "):
            total += float(number) * _UNITS[unit]
            number, unit = "", ""
        if char.isdigit() or char == ".":
            number += char
        elif char != " ":
            unit += char
    return round(total)


def _flag(name: str, value: Any) -> str:
    return f"{name} {'on' if value else 'off'}"


def _environment(pairs: Any) -> dict[str, str]:
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs or ())}


def _hashed(values: Mapping[str, str]) -> dict[str, str]:
    return {key: short_hash(value) for key, value in values.items()}


def _among(found: Mapping[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in found.items() if key in declared}


def _listed(values: set[str]) -> str:
    return ", ".join(sorted(values))


def _differences(kind: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> Aspect:
    """Of two maps what differs alone."""
    keys = sorted(key for key in {*expected, *found} if expected.get(key) != found.get(key))
    texts = [
        ", ".join(f"{key} = {some[key]}" if key in some else f"{key} not set" for key in keys)
        for some in (expected, found)
    ]
    return Aspect(kind, *texts)
