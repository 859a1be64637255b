"""`python -m release STEP`: one step; its failure is on standard error and in the exit code."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from release import leftovers
from release.abandon import abandon, abandon_with
from release.docker_cli import DockerCli
from release.errors import AbandonedError, NotReadyError, StepError
from release.hold import hold, resume
from release.migrate import Schema, is_done, migrate_first
from release.once import make_way, run_once
from release.plan import Plan, read, read_seeding
from release.ready import make_ready
from release.roll import roll
from release.seed import seed
from release.switch import switch
from release.tools import prepare


def tell(line: str) -> None:
    print(line, flush=True)


def interrupted(number: int, _frame: FrameType | None) -> None:
    """Ends the step as an error does, so that it leaves behind what it promises."""
    sys.exit(f"interrupted ({signal.Signals(number).name})")


def ready(docker: DockerCli, arguments: argparse.Namespace) -> None:
    """Where a replica fails, its release does."""
    name = arguments.name
    try:
        make_ready(
            docker,
            name,
            pids=arguments.pids,
            cpu_shares=arguments.cpu_shares,
            seconds=arguments.seconds,
            disposable=arguments.disposable,
        )
    except AbandonedError:
        raise
    except NotReadyError as error:
        abandon_with(docker, name, str(error).partition("\n")[0])
        raise


def once(docker: DockerCli, arguments: argparse.Namespace) -> None:
    """The same for a command that is part of a release."""
    if is_done(os.environ.get("RELEASE_MIGRATED", "")):
        return
    make_way(docker, arguments.command, tell)
    try:
        run_once(arguments.command, tell)
    except StepError as error:
        if arguments.of:
            prefix, release = arguments.of
            abandon(docker, prefix, release, str(error))
        raise


def migrate(docker: DockerCli, arguments: argparse.Namespace) -> None:
    """The same before replicas start, where they have to wait for it."""
    prefix, _ = arguments.of
    schema = Schema(prefix=prefix, image=arguments.image, postgres=arguments.postgres, database=arguments.database)
    migrate_first(
        docker,
        schema,
        commands=arguments.commands,
        told_before=os.environ.get("PULUMI_COMMAND_STDOUT", ""),
        run=lambda: once(docker, arguments),
        tell=tell,
    )


def seeding(docker: DockerCli, arguments: argparse.Namespace) -> None:
    """Where it fails, its release does."""
    try:
        seed(docker, read_seeding(os.environ["SEED_PLAN"]), tell)
    except StepError as error:
        abandon(docker, arguments.prefix, arguments.release, str(error).partition("\n")[0])
        raise


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description="The steps of a release.")
    steps = parser.add_subparsers(dest="step", required=True)
    readying = steps.add_parser("ready", help="limit a container's processes, and wait until it is healthy")
    readying.add_argument("name")
    readying.add_argument("--pids", type=int, required=True)
    readying.add_argument("--cpu-shares", type=int, required=True, help="its weight once it is healthy")
    readying.add_argument("--seconds", type=float, required=True)
    readying.add_argument("--disposable", action="store_true", help="stop it when it fails: its predecessor serves")
    clearing = steps.add_parser("clear", help="remove web containers and images of releases that failed")
    clearing.add_argument("prefix")
    clearing.add_argument("--release", required=True)
    clearing.add_argument("--image", required=True, help="what the release is made from")
    running = steps.add_parser("once", help="run a command to its end, and explain its failure")
    running.add_argument("--of", nargs=2, metavar=("PREFIX", "RELEASE"), help="the release that ends where this fails")
    running.add_argument("command", nargs="+")
    migrating = steps.add_parser("migrate", help="the same, if the image has migrations that the database has not")
    migrating.add_argument("--of", nargs=2, metavar=("PREFIX", "RELEASE"), required=True)
    migrating.add_argument("--image", required=True, help="the project's image")
    migrating.add_argument("--postgres", required=True, help="PostgreSQL's container")
    migrating.add_argument("--database", required=True)
    migrating.add_argument("--commands", required=True, help="tells the release commands from those of before")
    migrating.add_argument("command", nargs="+")
    filling = steps.add_parser("seed", help="fill the database by SEED_PLAN if it is empty")
    filling.add_argument("prefix")
    filling.add_argument("release", help="the release that ends where this fails")
    steps.add_parser("prepare", help="begin the traffic that will see RELEASE_PLAN go live").add_argument("release")
    holding = steps.add_parser("hold", help="have requests wait if PostgreSQL is to be replaced")
    holding.add_argument("prefix")
    holding.add_argument("--spec", required=True, help="what PostgreSQL is to be; nothing is held if it is that")
    holding.add_argument("room", nargs="+", help="`docker run …` of the waiting room")
    resuming = steps.add_parser("resume", help="let requests go on that wait")
    resuming.add_argument("prefix")
    resuming.add_argument("--spec", required=True)
    rolling = steps.add_parser("roll", help="let the first replicas of RELEASE_PLAN take over from as many old ones")
    rolling.add_argument("--done", type=int, required=True)
    steps.add_parser("switch", help="make the release of RELEASE_PLAN live").add_argument("release")
    return parser


def clear(docker: DockerCli, arguments: argparse.Namespace) -> None:
    for name in leftovers.clear(docker, arguments.prefix, arguments.release, arguments.image):
        tell(f"removed {name}, of a release that failed")


def _plan() -> Plan:
    return read(os.environ["RELEASE_PLAN"])


STEPS: dict[str, Callable[[DockerCli, argparse.Namespace], None]] = {
    "ready": ready,
    "clear": clear,
    "once": once,
    "migrate": migrate,
    "seed": seeding,
    "prepare": lambda docker, _: prepare(docker, _plan()),
    "hold": lambda docker, arguments: hold(docker, arguments.prefix, arguments.spec, arguments.room, tell),
    "resume": lambda docker, arguments: resume(docker, arguments.prefix, tell),
    "roll": lambda docker, arguments: roll(docker, _plan(), arguments.done, tell),
    "switch": lambda docker, _: switch(docker, _plan(), tell),
}


def main() -> None:
    signal.signal(signal.SIGTERM, interrupted)
    arguments = argument_parser().parse_args()
    try:
        STEPS[arguments.step](DockerCli(), arguments)
    except StepError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
