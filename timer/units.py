"""A host timer as systemd units: pure text."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

FOLDER = "/usr/local/lib/django-stack"
UNITS = "/etc/systemd/system"
SECRETS = "/etc/django-stack"
"""For root alone."""


@dataclass(frozen=True, kw_only=True)
class Timer:
    """A script that runs again and again."""

    name: str
    """Unit name without its ending, unique on the server."""
    description: str
    script: str
    """Its text, with a #! line."""
    arguments: tuple[str, ...]
    when: tuple[str, ...]
    """Lines of the timer unit."""
    service: tuple[str, ...] = ("TimeoutStartSec=120",)
    """Further lines of the service unit."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Files for root alone: how each name ends, and its text."""

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.name}"

    def secret_path(self, ending: str) -> str:
        return f"{SECRETS}/{self.name}.{ending}"


def service(timer: Timer) -> str:
    """The unit that runs the script once."""
    return "\n".join(
        [
            "[Unit]",
            f"Description={timer.description}",
            "Wants=docker.service",
            "After=docker.service",
            "",
            "[Service]",
            "Type=oneshot",
            f"ExecStart={' '.join(map(word, [timer.path, *timer.arguments]))}",
            *timer.service,
            "",
        ]
    )


def schedule(timer: Timer) -> str:
    """The unit that says when."""
    return "\n".join(
        [
            "[Unit]",
            f"Description={timer.description}: when",
            "",
            "[Timer]",
            *timer.when,
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
        ]
    )


def word(text: str) -> str:
    """A word of a command line in a unit, whatever it holds but a line break."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if text and not set(text) & set(" \t'\"\\;") else f'"{escaped}"'


def installation(timer: Timer) -> str:
    """A shell script, for root, that puts the timer in place or brings it up to date."""
    secret = [f"umask 077\nmkdir -p {SECRETS}"] if timer.secrets else []
    secret += [_secret(timer.secret_path(ending), text) for ending, text in sorted(timer.secrets.items())]
    return "\n".join(
        [
            "set -eu",
            f"mkdir -p {FOLDER}",
            _file(timer.path, timer.script, "755"),
            _file(f"{UNITS}/{timer.name}.service", service(timer), "644"),
            _file(f"{UNITS}/{timer.name}.timer", schedule(timer), "644"),
            *secret,
            "systemctl daemon-reload",
            f"systemctl enable --now {timer.name}.timer",
            "",
        ]
    )


def removal(name: str, *, secrets: tuple[str, ...] = ()) -> str:
    """A shell script, for root, that takes the timer away, and its secrets by the ends of their names."""
    files = [f"{UNITS}/{name}.service", f"{UNITS}/{name}.timer", f"{FOLDER}/{name}"]
    files += [f"{SECRETS}/{name}.{ending}" for ending in secrets]
    return "\n".join(
        [
            f"systemctl disable --now {name}.timer 2>/dev/null",
            f"rm -f {' '.join(files)}",
            "systemctl daemon-reload",
            "",
        ]
    )


def _file(path: str, text: str, mode: str) -> str:
    """Write a file whole, by way of a new one beside it."""
    end = "END_OF_FILE"
    return f"cat > {path}.new <<'{end}'\n{text.rstrip()}\n{end}\nchmod {mode} {path}.new\nmv {path}.new {path}"


def _secret(path: str, text: str) -> str:
    """The same for a text that may hold anything. The shell writes it by itself, so it is no program's argument."""
    return f"printf '%s' {shlex.quote(text)} > {path}.new\nchmod 600 {path}.new\nmv {path}.new {path}"
