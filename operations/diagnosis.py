"""What `./ops doctor` says, from what it has gathered. Pure: nothing here asks anybody anything."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from preflight.catalogue import CHECKS, Check
from preflight.messages import CheckMessage
from preflight.server import Server

Status = Literal["ok", "error", "warning", "silenced", "open"]
"""`open` is a check that could not be made: another finding is in its way."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that was gathered about one stack."""

    stack: str
    config_name: str
    engine: str
    """Which engine runs the program, in words."""
    endpoint: str
    """Where Docker is asked, in words."""
    docker_cli: str
    """Version of the docker command; empty where there is none."""
    server: Server | None
    """None when no Docker answered."""
    ports: Mapping[str, str] = field(default_factory=dict)
    """`address:port` to its holder in words; empty when it is free."""
    config_usable: bool
    messages: Sequence[CheckMessage]
    """What the checks found, silenced ones included."""
    silenced: Mapping[str, str] = field(default_factory=dict)
    """Check id to the reason."""

    @property
    def errors(self) -> list[CheckMessage]:
        return [each for each in self.messages if each.level == "error" and each.id not in self.silenced]

    @property
    def exit_code(self) -> int:
        return 1 if self.errors else 0


def status_of(check: Check, findings: Findings) -> Status:
    """What became of one check."""
    levels = [message.level for message in findings.messages if message.id == check.id]
    if levels:
        return "silenced" if check.id in findings.silenced else levels[0]
    return "ok" if _was_made(check, findings) else "open"


def _was_made(check: Check, findings: Findings) -> bool:
    failed = {message.id for message in findings.messages}
    if check.within in failed:
        return False
    if check.id.startswith("config."):
        return True
    server = findings.server
    if check.id in ("host.E001", "host.E002"):
        return server is not None
    if server is None or (check.id in ("host.E009", "host.W010") and server.disk_free_mb is None):
        return False
    return check.of_server or findings.config_usable


def as_text(findings: Findings) -> str:
    """For people: what is there, every check, a sum."""
    width = max(len(check.id) for check in CHECKS)
    checks = [line for check in CHECKS for line in _check_lines(check, findings, width)]
    errors = len(findings.errors)
    warnings = sum(each.level == "warning" and each.id not in findings.silenced for each in findings.messages)
    total = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    return "\n".join([*_facts(findings), "", *checks, "", total])


def as_json(findings: Findings) -> dict[str, Any]:
    """For programs: the same, under names that stay."""
    return {
        "stack": findings.stack,
        "ok": not findings.errors,
        "engine": findings.engine,
        "docker": findings.endpoint,
        "dockerCli": findings.docker_cli,
        "server": _server_as_json(findings.server) if findings.server else None,
        "ports": dict(findings.ports),
        "checks": [
            {"id": check.id, "rule": check.rule, "status": status_of(check, findings)}
            | ({"reason": findings.silenced[check.id]} if check.id in findings.silenced else {})
            for check in CHECKS
        ],
        "findings": [asdict(message) for message in findings.messages],
    }


def _server_as_json(server: Server) -> dict[str, Any]:
    return {
        "version": server.version,
        "platform": server.platform,
        "kernel": server.kernel,
        "cpus": server.cpus,
        "memoryMb": server.memory_mb,
        "diskFreeMb": server.disk_free_mb,
        "diskTotalMb": server.disk_total_mb,
    }


def _facts(findings: Findings) -> list[str]:
    server = findings.server
    facts = {"stack": f"{findings.stack} ({findings.config_name})", "engine": findings.engine}
    if server:
        facts["Docker"] = f"{server.version} at {findings.endpoint}"
        facts["server"] = f"{server.platform}, kernel {server.kernel}, {_sizes(server)}"
    else:
        facts["Docker"] = f"no answer at {findings.endpoint}"
    facts["docker CLI"] = findings.docker_cli or "not on PATH"
    if findings.ports:
        facts["ports"] = ", ".join(f"{port} {holder or 'free'}" for port, holder in findings.ports.items())
    return [f"{name:<12}{text}" for name, text in facts.items()]


def _sizes(server: Server) -> str:
    sizes = f"{server.cpus} CPUs, {server.memory_mb} MiB of memory"
    if server.disk_free_mb is None:
        return sizes
    return f"{sizes}, {server.disk_free_mb} of {server.disk_total_mb} MiB of disk free"


def _check_lines(check: Check, findings: Findings, width: int) -> list[str]:
    status = status_of(check, findings)
    start = f"{status:<10}{check.id:<{width}}  "
    if status == "open":
        return [f"{'-':<10}{check.id:<{width}}  {check.rule} (not looked at)"]
    if status == "ok":
        return [f"{start}{check.rule}"]
    if status == "silenced":
        return [f"{start}{check.rule} ({findings.silenced[check.id]})"]
    found = [message for message in findings.messages if message.id == check.id]
    return [line for message in found for line in (f"{start}{message.text}", f"{'':<{len(start)}}{message.hint}")]
