"""`python -m timer start-at-boot PREFIX`: have the server start a stack by itself; `remove PREFIX` takes that away.

Where that cannot be arranged it is said, and no more: the stack runs, and `./ops start` does the same by hand.
"""

import argparse
from pathlib import Path

from timer import root_shell
from timer.root_shell import NO_SYSTEMD
from timer.units import Timer, installation, removal

SCRIPT = Path(__file__).resolve().parent / "start-stack"


def start_at_boot(prefix: str) -> Timer:
    """The timer that starts a stack after a boot, and whatever of it is found stopped later."""
    return Timer(
        name=f"{prefix}-start",
        description=f"Start what should run of {prefix}",
        script=SCRIPT.read_text(),
        arguments=(prefix,),
        after_boot_seconds=5,
        every_seconds=20,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timer", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("start-at-boot", "remove"):
        actions.add_parser(name).add_argument("prefix")
    arguments = parser.parse_args()
    timer = start_at_boot(arguments.prefix)
    ran = root_shell.run(installation(timer) if arguments.action == "start-at-boot" else removal(timer.name))
    if not ran.code:
        print(f"timer {timer.name}: {'in place' if arguments.action == 'start-at-boot' else 'removed'}")
    elif arguments.action == "start-at-boot":
        why = "the server has no systemd" if ran.code == NO_SYSTEMD else f"no root shell there ({ran.told})"
        print(f"warning: the server will not start the stack by itself: {why}. After a restart of Docker: ./ops start")
    elif ran.code != NO_SYSTEMD:
        print(
            f"warning: timer {timer.name} cannot be removed: no root shell on the server ({ran.told})."
            f" As root there: systemctl disable --now {timer.name}.timer"
        )


if __name__ == "__main__":
    main()
