"""A host timer as systemd units: pure text."""

from dataclasses import dataclass

FOLDER = "/usr/local/lib/django-stack"
UNITS = "/etc/systemd/system"


@dataclass(frozen=True, kw_only=True)
class Timer:
    """A script that runs at boot and again and again."""

    name: str
    """Unit name without its ending, unique on the server."""
    description: str
    script: str
    """Its text, with a #! line."""
    arguments: tuple[str, ...]
    after_boot_seconds: int
    every_seconds: int

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.name}"


def service(timer: Timer) -> str:
    """The unit that runs the script once."""
    return f"""\
[Unit]
Description={timer.description}
Wants=docker.service
After=docker.service

[Service]
Type=oneshot
ExecStart={" ".join([timer.path, *timer.arguments])}
TimeoutStartSec=120
"""


def schedule(timer: Timer) -> str:
    """The unit that says when."""
    return f"""\
[Unit]
Description={timer.description}: when

[Timer]
OnBootSec={timer.after_boot_seconds}
OnUnitActiveSec={timer.every_seconds}
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def installation(timer: Timer) -> str:
    """A shell script, for root, that puts the timer in place or brings it up to date."""
    return "\n".join(
        [
            "set -eu",
            f"mkdir -p {FOLDER}",
            _file(timer.path, timer.script, "755"),
            _file(f"{UNITS}/{timer.name}.service", service(timer), "644"),
            _file(f"{UNITS}/{timer.name}.timer", schedule(timer), "644"),
            "systemctl daemon-reload",
            f"systemctl enable --now {timer.name}.timer",
            "",
        ]
    )


def removal(name: str) -> str:
    """A shell script, for root, that takes the timer away."""
    return "\n".join(
        [
            f"systemctl disable --now {name}.timer 2>/dev/null",
            f"rm -f {UNITS}/{name}.service {UNITS}/{name}.timer {FOLDER}/{name}",
            "systemctl daemon-reload",
            "",
        ]
    )


def _file(path: str, text: str, mode: str) -> str:
    """Write a file whole, by way of a new one beside it."""
    end = "END_OF_FILE"
    return f"cat > {path}.new <<'{end}'\n{text.rstrip()}\n{end}\nchmod {mode} {path}.new\nmv {path}.new {path}"
