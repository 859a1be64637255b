"""`python -m timer ACTION PREFIX …`: what the server does by itself for a stack.

    start-at-boot PREFIX                   starts it at boot and after a restart of Docker
    remove PREFIX                          takes that away
    look-for-drift PREFIX STACK WHEN       looks for drift, from this folder, as this user
    stop-looking PREFIX                    takes that away

Where it cannot be arranged that is said, and no more: the stack runs, and ./ops does the same by hand.
"""

import argparse
import os
import pwd
from pathlib import Path

from timer import drift, root_shell
from timer.drift import Look
from timer.root_shell import NO_SYSTEMD, Ran
from timer.units import Timer, installation, removal

HERE = Path(__file__).resolve().parent
SCRIPT, LOOK = HERE / "start-stack", HERE / "look-for-drift"


def start_at_boot(prefix: str) -> Timer:
    """The timer that starts a stack after a boot, and whatever of it is found stopped later."""
    return Timer(
        name=f"{prefix}-start",
        description=f"Start what should run of {prefix}",
        script=SCRIPT.read_text(),
        arguments=(prefix,),
        when=("OnBootSec=5", "OnUnitActiveSec=20", "AccuracySec=1"),
    )


def look_for_drift(prefix: str, stack: str, when: str) -> Look:
    """From the folder that this runs in. What it needs of the environment it has from this one."""
    return Look(
        prefix=prefix,
        stack=stack,
        when=when,
        ops=str(HERE.parent / "ops"),
        folder=str(Path.cwd()),
        user=_user(),
        passphrase=_passphrase(),
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # one without a name, as in a container
        return str(os.getuid())


def _passphrase() -> str:
    """The stack's, as whoever deploys has given it; empty where it has none, or the clone keeps it."""
    file = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    text = os.environ.get("PULUMI_CONFIG_PASSPHRASE") or (Path(file).read_text(encoding="utf-8") if file else "")
    return text.rstrip("\r\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timer", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("start-at-boot", "remove", "look-for-drift", "stop-looking"):
        actions.add_parser(name).add_argument("prefix")
    for name in ("stack", "when"):
        actions.choices["look-for-drift"].add_argument(name)
    arguments = parser.parse_args()
    if arguments.action == "start-at-boot":
        timer = start_at_boot(arguments.prefix)
        without = "the server will not start the stack by itself", "After a restart of Docker: ./ops start"
        _tell_installed(timer, root_shell.run(installation(timer)), without)
    elif arguments.action == "look-for-drift":
        _install_look(look_for_drift(arguments.prefix, arguments.stack, arguments.when))
    elif arguments.action == "remove":
        _remove(f"{arguments.prefix}-start")
    else:
        _remove(f"{arguments.prefix}-drift", secrets=drift.FILES)


def _install_look(look: Look) -> None:
    cure = "Where there is a scheduler, have it run the same"
    without = "the server will not look for drift by itself", f"{cure}, as a crontab would: {drift.cron_line(look)}"
    docker_host = os.environ.get("DOCKER_HOST", "")
    if docker_host and not docker_host.startswith("unix://"):
        why = f"Docker is on another machine ({docker_host}), which does not have this folder"
        print(f"warning: {without[0]}: {why}. Use a scheduled workflow instead: examples/workflows")
        return
    timer = drift.timer(look, LOOK.read_text(), os.environ)
    _tell_installed(timer, root_shell.run(installation(timer)), without)


def _tell_installed(timer: Timer, ran: Ran, without: tuple[str, str]) -> None:
    what, instead = without
    if ran.code:
        why = "the server has no systemd" if ran.code == NO_SYSTEMD else f"no root shell there ({ran.told})"
        print(f"warning: {what}: {why}. {instead}")
    else:
        print(f"timer {timer.name}: in place")


def _remove(name: str, *, secrets: tuple[str, ...] = ()) -> None:
    ran = root_shell.run(removal(name, secrets=secrets))
    if not ran.code:
        print(f"timer {name}: removed")
    elif ran.code != NO_SYSTEMD:
        print(
            f"warning: timer {name} cannot be removed: no root shell on the server ({ran.told})."
            f" As root there: systemctl disable --now {name}.timer"
        )


if __name__ == "__main__":
    main()
