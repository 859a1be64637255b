"""Runs the engine, and kills it with SIGKILL at the n-th point of one kind: `killer.py KIND N ENGINE-ARGUMENTS…`.

`before-save` and `after-save` count writes of the state file, `before-call` and `after-call` requests
that change something in Docker. Prints how many points there were when it was not killed.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from engine import cli
from engine.backend import Backend
from engine.providers.docker_api import DockerApi

_reached = 0


def killing(real: Callable[..., Any], when: str, limit: int, *, counts: Callable[..., bool]) -> Callable[..., Any]:
    """`real`, but death comes before or after its `limit`-th call that counts."""

    def wrapped(*arguments: Any, **options: Any) -> Any:
        global _reached  # noqa: PLW0603  one count for the process
        counted = counts(*arguments)
        _reached += counted
        hit = counted and _reached == limit
        if hit and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **options)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def main() -> int:
    kind, limit, *arguments = sys.argv[1:]
    when, _, what = kind.partition("-")
    if what == "save":
        Backend.write = killing(Backend.write, when, int(limit), counts=lambda *_: True)  # type: ignore[method-assign]
    else:
        real = DockerApi._send
        counted = killing(real, when, int(limit), counts=lambda _self, method, *_: method != "GET")
        DockerApi._send = counted  # type: ignore[method-assign]
    code = cli.main(arguments)
    print(f"points: {_reached}")
    return code


if __name__ == "__main__":
    sys.exit(main())
