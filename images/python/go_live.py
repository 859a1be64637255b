"""The moment of a release, in one process, as every further one would cost time: look, then gate and point.

    go_live.py look                                          the live release, the sockets that it serves on, and the
                                                             requests of the proof so far (null: there is no proof)
    go_live.py move [--canary N] GATE-ARGUMENTS SOCKET...    if the gate is open, point the slots at these sockets

`look` prints JSON. `move` prints what the gate prints, and exits 1 without having moved anything if it is closed; else
when it did, by the clock that the server's logs have as well: {"moved": "2026-01-31T10:00:00.000000+00:00"}.
"""

import json
import sys
from datetime import UTC, datetime

import gate
import prober
import slots


def look() -> str:
    """What is live, where, and how much traffic the proof has seen."""
    requests = json.loads(prober.REPORT.read_text())["requests"] if prober.REPORT.exists() else None
    return json.dumps({"release": slots.live(), "sockets": slots.serving(), "requests": requests})


def move(words: list[str]) -> None:
    """Gate and point. Exits 1 with the findings when the gate is closed."""
    parser = gate.argument_parser()
    parser.add_argument("--canary", type=int, metavar="N")
    arguments = parser.parse_args(words)
    found = gate.findings(arguments.sockets, gate.expected(arguments))
    if not found:
        prober.mark("switch")
        slots.write(slots.spread(arguments.sockets, current=slots.show(), canary=arguments.canary))
        print(json.dumps({"moved": datetime.now(UTC).isoformat(timespec="microseconds")}))
    gate.tell(found)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    if sys.argv[1] == "look":
        print(look())
    else:
        move(sys.argv[2:])
