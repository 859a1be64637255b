"""A load client with no hidden retry: steady streams of requests over loopback, every one of them counted.

    python -m tests.load.client --port 8080 --host localhost --seconds 30

Prints a report as JSON. A request has failed when it got no complete answer with a status below 500. A reused idle
connection that is closed before the first byte of an answer to a GET is tried once more, and counted as retried.
"""

import argparse
import asyncio
import json
import math
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 30


@dataclass
class Kind:
    """One stream's figures."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    retried: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    last_success: float = 0.0
    longest_gap: float = 0.0

    def answered(self, seconds: float, status: int) -> None:
        now = time.monotonic()
        if self.last_success:
            self.longest_gap = max(self.longest_gap, now - self.last_success)
        self.last_success = now
        self.seconds.append(seconds)
        self.statuses[status] += 1

    def report(self) -> dict[str, object]:
        ordered = sorted(self.seconds)

        def rank(share: float) -> float:
            return round(ordered[max(0, math.ceil(len(ordered) * share) - 1)] * 1000, 1) if ordered else 0.0

        return {
            "requests": len(self.seconds) + len(self.failures),
            "failed": len(self.failures),
            "retried": self.retried,
            "statuses": dict(self.statuses),
            "p50_ms": rank(0.5),
            "p99_ms": rank(0.99),
            "max_ms": rank(1),
            "longest_gap_ms": round(self.longest_gap * 1000, 1),
            "first_failures": self.failures[:5],
        }


class ClosedError(Exception):
    """The connection ended before an answer did; `first_byte` says whether one had begun."""

    def __init__(self, first_byte: bool) -> None:
        super().__init__("closed in the middle of an answer" if first_byte else "closed before an answer")
        self.first_byte = first_byte


@dataclass
class Connection:
    """One connection to the port."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, method: str, path: str, host: str, keep: bool) -> tuple[int, bool]:
        """Status, and whether the connection may be used again. Raises ClosedError, OSError."""
        body = "Content-Length: 0\r\n" if method == "POST" else ""
        connection = "keep-alive" if keep else "close"
        request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{body}Connection: {connection}\r\n\r\n"
        first_byte = False
        try:
            self.writer.write(request.encode())
            await self.writer.drain()
            head = await self.reader.readuntil(b"\r\n\r\n")
            first_byte = True
            status, length, chunked, closes = _parse(head)
            if chunked:
                while size := int((await self.reader.readline()).split(b";")[0], 16):
                    await self.reader.readexactly(size + 2)
                await self.reader.readline()
            elif length is None:
                await self.reader.read()
            else:
                await self.reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ClosedError(first_byte or bool(error.partial)) from error
        except ConnectionError as error:
            raise ClosedError(first_byte) from error
        return status, keep and not closes and not (length is None and not chunked)

    def close(self) -> None:
        self.writer.close()


def _parse(head: bytes) -> tuple[int, int | None, bool, bool]:
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = int(headers["content-length"]) if "content-length" in headers else None
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    return int(lines[0].split()[1]), length, chunked, headers.get("connection", "").lower() == "close"


class Load:
    """Streams of requests for so long, or until told to stop."""

    def __init__(self, address: str, port: int, host: str) -> None:
        self._address, self._port, self._host = address, port, host
        self.kinds: dict[str, Kind] = {}
        self.stopped = asyncio.Event()

    async def keep_alive(self, name: str, path: str, per_second: float, connections: int) -> None:
        """GETs over connections that are kept."""
        kind = self.kinds.setdefault(name, Kind())
        await asyncio.gather(*(self._kept(kind, path, per_second / connections) for _ in range(connections)))

    async def _kept(self, kind: Kind, path: str, per_second: float) -> None:
        kept: Connection | None = None
        async for _ in self._ticks(per_second):
            start = time.monotonic()
            if kept and kept.reader.at_eof():  # as a browser, which notices before it asks
                kept.close()
                kept = None
            reused = kept is not None
            try:
                kept = kept or await self._connect()
                status, again = await asyncio.wait_for(kept.ask("GET", path, self._host, True), TIMEOUT_SECONDS)
            except ClosedError as closed:
                kept = None
                if reused and not closed.first_byte:
                    kind.retried += 1
                    await self._new(kind, "GET", path)
                else:
                    kind.failures.append(str(closed))
                continue
            except (OSError, TimeoutError) as error:
                kept = None
                kind.failures.append(f"{type(error).__name__}: {error}")
                continue
            _count(kind, time.monotonic() - start, status)
            if not again:
                kept.close()
                kept = None

    async def new(self, name: str, method: str, path: str, per_second: float) -> None:
        """Requests on connections of their own, each at its own time whatever becomes of the others."""
        kind = self.kinds.setdefault(name, Kind())
        under_way: set[asyncio.Task[None]] = set()
        async for _ in self._ticks(per_second):
            task = asyncio.create_task(self._new(kind, method, path))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)

    async def _new(self, kind: Kind, method: str, path: str) -> None:
        start = time.monotonic()
        try:
            over = await self._connect()
            status, _ = await asyncio.wait_for(over.ask(method, path, self._host, False), TIMEOUT_SECONDS)
        except (ClosedError, OSError, TimeoutError) as error:
            kind.failures.append(f"{type(error).__name__}: {error}")
            return
        over.close()
        _count(kind, time.monotonic() - start, status)

    async def _connect(self) -> Connection:
        return Connection(*await asyncio.wait_for(asyncio.open_connection(self._address, self._port), 10))

    async def _ticks(self, per_second: float) -> AsyncIterator[int]:
        start, number = time.monotonic(), 0
        while not self.stopped.is_set():
            yield number
            number += 1
            await asyncio.sleep(max(0, start + number / per_second - time.monotonic()))


def _count(kind: Kind, seconds: float, status: int) -> None:
    if status >= 500:
        kind.failures.append(f"status {status}")
    else:
        kind.answered(seconds, status)


async def run(arguments: argparse.Namespace) -> dict[str, object]:
    load = Load(arguments.address, arguments.port, arguments.host)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, load.stopped.set)
    loop.call_later(arguments.seconds, load.stopped.set)
    rate = arguments.rate
    await asyncio.gather(
        load.keep_alive("keep-alive", arguments.get, rate, 20),
        load.new("new", "GET", arguments.get, rate),
        load.new("post", "POST", arguments.post, rate),
        load.new("slow", "GET", arguments.slow, max(1, rate / 20)),
    )
    kinds = {name: kind.report() for name, kind in load.kinds.items()}
    total = {key: sum(int(str(kind[key])) for kind in kinds.values()) for key in ("requests", "failed", "retried")}
    return total | {"kinds": kinds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=60, help="requests per second of each of the main kinds")
    parser.add_argument("--get", default="/health/")
    parser.add_argument("--post", default="/ping/")
    parser.add_argument("--slow", default="/slow/?seconds=2")
    print(json.dumps(asyncio.run(run(parser.parse_args()))))


if __name__ == "__main__":
    main()
