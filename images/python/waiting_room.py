"""Where requests wait while PostgreSQL is replaced: it takes their connections, and passes them on when it may.

waiting_room.py --seconds N     point Nginx's slots here, hold what comes, at most so long
waiting_room.py open            point them back, pass on what is held, and end
"""

import argparse
import asyncio
import contextlib
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import slots

DOOR = Path("/tmp/open")  # noqa: S108 - this container's own tmpfs
SOCKET = slots.DIRECTORY / "waiting.sock"
LOOK_SECONDS = 0.05
LONGEST_ANSWER_SECONDS = 60
CHUNK = 65536


class Room:
    """Connections that wait, and the sockets that they are for."""

    def __init__(self, targets: list[str]) -> None:
        self._targets = itertools.cycle(targets)
        self._open = asyncio.Event()
        self._inside = 0

    @property
    def empty(self) -> bool:
        return self._inside == 0

    def open(self) -> None:
        """Let everybody through who waits, and who comes later."""
        self._open.set()

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: wait, then be a pipe to a replica."""
        self._inside += 1
        try:
            await self._open.wait()
            onward_reader, onward_writer = await asyncio.open_unix_connection(next(self._targets))
            with contextlib.closing(onward_writer):
                await asyncio.gather(_pipe(reader, onward_writer), _pipe(onward_reader, writer))
        except OSError as error:
            print(f"a request that waited could not be passed on: {error}", file=sys.stderr, flush=True)
        finally:
            writer.close()
            self._inside -= 1


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()


async def hold(seconds: float) -> None:
    """Take over from the replicas until the door is opened or time is up; end when nobody is inside."""
    before = slots.committed() or slots.show()  # a room that was killed has left the slots at itself
    room = Room(sorted({target for name, target in before.items() if not name.startswith(slots.LONG)}))
    SOCKET.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(room.enter, SOCKET, backlog=1024)
    SOCKET.chmod(0o660)
    slots.write(dict.fromkeys(slots.show(), str(SOCKET)))
    print("holding", flush=True)
    await _until(DOOR.exists, seconds)
    slots.write(before)
    room.open()
    await asyncio.sleep(LOOK_SECONDS)  # connections that Nginx was opening
    await _until(lambda: room.empty, LONGEST_ANSWER_SECONDS)
    server.close()
    SOCKET.unlink(missing_ok=True)


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    """Look again and again: what is waited for is in another process's hands."""
    for _ in range(round(seconds / LOOK_SECONDS)):
        if holds():
            return
        await asyncio.sleep(LOOK_SECONDS)


def main() -> None:
    if sys.argv[1:] == ["open"]:
        DOOR.touch()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, required=True)
    asyncio.run(hold(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
