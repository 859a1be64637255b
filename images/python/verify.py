"""Ask through Nginx until every replica of a release has answered, and nothing else does any more.

Each question is a connection of its own, so that every Nginx that listens on the port gets its share of them.
"""

import argparse
import sys
import time

from http_client import EDGE_PORT, Answer, UnansweredError, ask_once

PAUSE_SECONDS = 0.05
LEAST_ANSWERS = 10
"""Answers in a row that must be right; with fewer, one that is wrong now and then would be missed."""


def wrong(answer: Answer, *, release: str, edge: str) -> str:
    """What is not as it must be; empty if nothing."""
    if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        return f"status {answer.status} from release {answer.release}"
    if answer.release != release:
        return f"an answer from release {answer.release}"
    if edge and answer.edge != edge:
        return f"an answer by Nginx with configuration {answer.edge}"
    return ""


def verify(*, host: str, path: str, release: str, edge: str, replicas: int, seconds: float) -> str:
    """A sentence about what answered. Exits with what answered instead when time is up."""
    deadline = time.monotonic() + seconds
    seen: set[str] = set()
    right, last = 0, "nothing"
    while time.monotonic() < deadline:
        try:
            answer = ask_once(EDGE_PORT, path, host=host, seconds=5, headers={"Connection": "close"})
            last = wrong(answer, release=release, edge=edge)
        except UnansweredError as reason:
            last = str(reason)
        if last:
            seen.clear()
            right = 0
        else:
            seen.add(answer.replica)
            right += 1
        if len(seen) >= replicas and right >= LEAST_ANSWERS:
            return f"release {release}: {replicas} of {replicas} replicas answer 200 on {path} through Nginx"
        if last or right >= LEAST_ANSWERS:
            time.sleep(PAUSE_SECONDS)
    sys.exit(
        f"through Nginx {path} must be answered with 200 by release {release} alone, within {seconds:.0f} s"
        f" (got {last or f'{len(seen)} of {replicas} replicas'}). Look at the logs of Nginx and the web containers."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--release", required=True)
    parser.add_argument("--edge", default="")
    parser.add_argument("--replicas", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    print(verify(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
