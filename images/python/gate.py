"""What a new replica must pass on its own socket before any visitor's request can reach it.

Prints the findings as JSON, one a line, and exits 1 when there are any; else prints `open`, so that silence is never
taken for that. A check is a function that returns findings.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from http_client import Answer, UnansweredError, ask_once

OPEN = "open"
SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a replica did not pass."""

    id: str
    """Stable for ever, documented in docs/checks.md."""
    replica: str
    text: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the stack says the release is."""

    release: str
    host: str
    health_path: str
    paths: tuple[str, ...]
    """Pages that must not answer with a server error."""


def check_health(socket: str, expected: Expected) -> Iterator[Finding]:
    """The health path answers 200, and not by way of a redirect."""
    answer = _ask(socket, expected.health_path, expected)
    if isinstance(answer, str):
        yield _finding("gate.E001", socket, f"{expected.health_path} must answer (got {answer})", "Look at its log.")
    elif answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        text = f"{expected.health_path} must answer 200 (got {answer.status}: {_begin(answer)})"
        yield _finding("gate.E001", socket, text, "Make the health path answer 200 without a login or a redirect.")


def check_release(socket: str, expected: Expected) -> Iterator[Finding]:
    """The replica is of the release that the stack says it is; image, config and secrets are in its name."""
    answer = _ask(socket, expected.health_path, expected)
    if isinstance(answer, Answer) and answer.release != expected.release:
        text = f"must be release {expected.release} (got {answer.release})"
        yield _finding("gate.E002", socket, text, "Another container has taken its socket; deploy again.")


def check_pages(socket: str, expected: Expected) -> Iterator[Finding]:
    """Pages answer without a server error."""
    for path in expected.paths:
        answer = _ask(socket, path, expected)
        if isinstance(answer, str):
            yield _finding("gate.E003", socket, f"{path} must answer (got {answer})", "Look at its log.")
        elif answer.status >= SERVER_ERROR:
            text = f"{path} must not answer with a server error (got {answer.status})"
            yield _finding("gate.E003", socket, text, "The traceback is in its log.")


CHECKS: tuple[Callable[[str, Expected], Iterator[Finding]], ...] = (check_health, check_release, check_pages)


def findings(sockets: list[str], expected: Expected) -> list[Finding]:
    """What is wrong with any of the replicas; nothing if all pass."""

    def of(socket: str) -> list[Finding]:
        return [finding for check in CHECKS for finding in check(socket, expected)]

    with ThreadPoolExecutor(max_workers=len(sockets)) as pool:  # the release waits for it
        return [finding for found in pool.map(of, sockets) for finding in found]


def _ask(socket: str, path: str, expected: Expected) -> Answer | str:
    try:
        return ask_once(socket, path, host=expected.host, headers={"X-Forwarded-Proto": "https"})
    except UnansweredError as reason:
        return str(reason)


def _begin(answer: Answer) -> str:
    text = re.sub(r"<[^>]*>|\s+", " ", answer.body[:2000].decode(errors="replace"))
    return " ".join(text.split())[:120]


def _finding(check: str, socket: str, text: str, hint: str) -> Finding:
    replica = socket.rpartition("/")[2].removesuffix(".sock")
    return Finding(id=check, replica=replica, text=f"replica {replica}: {text}.", hint=hint)


def argument_parser() -> argparse.ArgumentParser:
    """What the gate has to be told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--health", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("sockets", nargs="+")
    return parser


def expected(arguments: argparse.Namespace) -> Expected:
    """What it was told."""
    return Expected(
        release=arguments.release, host=arguments.host, health_path=arguments.health, paths=tuple(arguments.path)
    )


def tell(found: Sequence[Finding]) -> None:
    """One finding a line, as JSON; or that there are none."""
    for finding in found:
        print(json.dumps(asdict(finding)))
    if not found:
        print(OPEN)


def main() -> None:
    arguments = argument_parser().parse_args()
    found = findings(arguments.sockets, expected(arguments))
    tell(found)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
