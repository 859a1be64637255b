"""Nginx's slots: links to live sockets. Each changes in one atomic rename, so no request ever meets a missing one.

    slots.py show                              the live release and what each slot points to, as JSON
    slots.py point [--canary N] SOCKET...      point the slots at these sockets, round-robin
    slots.py commit RELEASE                    the slots as they are now are this release, live
    slots.py restore                           point them as the last commit has them
    slots.py keep IMAGE...                     the images of releases that a rollback may ask for

`point --canary N` moves N slots, and the slots for visitors with the canary cookie; the others stay.
"""

import argparse
import json
from pathlib import Path

DIRECTORY = Path("/run/slots")
SLOTS = 20
LIVE, KEPT = ".live.json", ".kept"

ORDINARY, CANARY, LONG = "", "canary-", "long-"
"""The pools, by how their slots' names begin: for visitors; for those with the canary cookie, who without a canary are
like all others; for long requests and WebSockets, which replicas take on a socket of their own.
"""


def names(pool: str) -> list[str]:
    """A pool's file names."""
    return [f"{pool}{slot}.sock" for slot in range(SLOTS)]


def show(directory: Path = DIRECTORY) -> dict[str, str]:
    """Slot to socket, of the slots that are there."""
    every = [name for pool in (ORDINARY, CANARY, LONG) for name in names(pool)]
    return {name: str((directory / name).readlink()) for name in every if (directory / name).is_symlink()}


def spread(sockets: list[str], *, current: dict[str, str], canary: int | None = None) -> dict[str, str]:
    """Which slot is to point where, round-robin. Pure. With `canary`, the canary's own and so many others move."""
    moved = _round_robin(names(CANARY), sockets)
    if canary is not None:
        # Every so-many-th slot, so that the share holds for any run of requests and not for the first ones alone.
        share = [names(ORDINARY)[number * SLOTS // canary] for number in range(canary)]
        return current | moved | _round_robin(share, sockets)
    long = [socket.removesuffix(".sock") + ".long.sock" for socket in sockets]
    return current | moved | _round_robin(names(ORDINARY), sockets) | _round_robin(names(LONG), long)


def _round_robin(slots: list[str], sockets: list[str]) -> dict[str, str]:
    return {slot: sockets[number % len(sockets)] for number, slot in enumerate(slots)}


def write(wanted: dict[str, str], directory: Path = DIRECTORY) -> None:
    """Make the slots so, each by a rename."""
    for name, socket in wanted.items():
        fresh = directory / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(socket)
        fresh.rename(directory / name)


def commit(release: str, directory: Path = DIRECTORY) -> None:
    """Keep what the slots point to as this release's, for `restore` and for whoever asks what is live."""
    fresh = directory / f"{LIVE}.new"
    fresh.write_text(json.dumps({"release": release, "slots": show(directory)}))
    fresh.rename(directory / LIVE)


def live(directory: Path = DIRECTORY) -> str:
    """The release of the last commit; empty before the first."""
    file = directory / LIVE
    return str(json.loads(file.read_text())["release"]) if file.exists() else ""


def committed(directory: Path = DIRECTORY) -> dict[str, str]:
    """Slot to socket as of the last commit; empty before the first."""
    file = directory / LIVE
    return dict(json.loads(file.read_text())["slots"]) if file.exists() else {}


def serving(directory: Path = DIRECTORY) -> list[str]:
    """The sockets for visitors as of the last commit, sorted; none before the first."""
    return sorted({socket for slot, socket in committed(directory).items() if slot in names(ORDINARY)})


def keep(images: list[str], directory: Path = DIRECTORY) -> None:
    """Note which images are needed, for whoever clears away what failed."""
    fresh = directory / f"{KEPT}.new"
    fresh.write_text("\n".join(images))
    fresh.rename(directory / KEPT)


def restore(directory: Path = DIRECTORY) -> None:
    """Point the slots as the last commit has them."""
    write(committed(directory), directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("show")
    actions.add_parser("restore")
    point = actions.add_parser("point")
    point.add_argument("--canary", type=int, metavar="N")
    point.add_argument("sockets", nargs="+")
    actions.add_parser("commit").add_argument("release")
    actions.add_parser("keep").add_argument("images", nargs="+")
    arguments = parser.parse_args()
    if arguments.action == "point":
        write(spread(arguments.sockets, current=show(), canary=arguments.canary))
    elif arguments.action == "commit":
        commit(arguments.release)
    elif arguments.action == "keep":
        keep(arguments.images)
    elif arguments.action == "restore":
        restore()
    print(json.dumps({"release": live(), "slots": show()}))


if __name__ == "__main__":
    main()
