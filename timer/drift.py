"""The timer that looks for drift: from the folder that deploys, as whoever deploys, with what that needs. Pure."""

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from timer import schedule
from timer.units import Timer

VARIABLES = (
    *("PULUMI_BACKEND_URL", "PULUMI_HOME", "DJANGO_STACK_ENGINE", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"),
    *("PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"),
)
"""What of the environment decides which state, which engine and which Docker a look finds. A backend's URL may have a
password in it, so all of it is kept like one.
"""
FILES = ("env", "passphrase")
"""What lies in /etc/django-stack, for root alone: PREFIX-drift.env and PREFIX-drift.passphrase."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is to be run, and when."""

    prefix: str
    stack: str
    when: str
    """Of schedule.py."""
    ops: str
    """Path of the clone's `ops`."""
    folder: str
    """Where the stack is deployed from."""
    user: str
    passphrase: str = ""

    @property
    def name(self) -> str:
        return f"{self.prefix}-drift"


def timer(look: Look, script: str, environment: Mapping[str, str]) -> Timer:
    """Its units and files."""
    known = {name: environment[name] for name in VARIABLES if environment.get(name)}
    secrets = {"env": "".join(f"{name}={_value(text)}\n" for name, text in known.items())}
    secrets |= {"passphrase": look.passphrase} if look.passphrase else {}
    made = Timer(
        name=look.name,
        description=f"Look for drift of {look.prefix}",
        script=script,
        arguments=(look.ops, look.folder, look.stack),
        when=schedule.lines(look.when),
        secrets=secrets,
    )
    credential = [f"LoadCredential=passphrase:{made.secret_path('passphrase')}"] if look.passphrase else []
    lines = [f"User={look.user}", f"EnvironmentFile={made.secret_path('env')}", *credential]
    lines += ["SuccessExitStatus=2", "TimeoutStartSec=300", "Nice=10"]
    return dataclasses.replace(made, service=tuple(lines))


def cron_line(look: Look) -> str:
    """What a crontab of the user would have instead, with the passphrase in a file of its own."""
    command = shlex.join([look.ops, "drift", "--stack", look.stack, "--notify"])
    file = "PULUMI_CONFIG_PASSPHRASE_FILE=$HOME/.passphrase " if look.passphrase else ""
    return f"{schedule.cron(look.when)} cd {shlex.quote(look.folder)} && {file}{command}".replace("%", "\\%")


def _value(text: str) -> str:
    """A value in an environment file of systemd's."""
    escaped = "".join(f"\\{char}" if char in '\\"`$' else char for char in text)
    return f'"{escaped}"'
