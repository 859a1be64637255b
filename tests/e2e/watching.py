"""Looks for secrets while a stack is worked on: in all that commands print, in processes, and in Docker's events."""

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.e2e.sentinel import Sentinel

_PROC = Path("/proc")
_PAUSE_SECONDS = 0.02
_FIRST_LOOKS, _LATER_LOOKS = 4, 50


class Watch:
    """Use it as a context. What it has found is in `found` afterwards, and at any time."""

    def __init__(self, sentinel: Sentinel) -> None:
        self._sentinel = sentinel
        self._stop = threading.Event()
        self._own = (_PROC / "self/ns/pid").readlink()
        self._looks: Counter[str] = Counter()
        self._events = subprocess.Popen(
            ["docker", "events", "--format={{json .}}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._threads = [threading.Thread(target=target) for target in (self._look_at_processes, self._hear_events)]
        self.found: set[str] = set()
        self.processes: set[str] = set()
        """Those that were seen inside containers, by the first word of their command line."""
        self.inspected: set[str] = set()
        """Containers that were inspected as they started, by name."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._events.terminate()
        for thread in self._threads:
            thread.join(30)
        self._events.communicate()

    def printed(self, done: subprocess.CompletedProcess[str]) -> None:
        """Both streams of a command that has ended."""
        words = " ".join(str(word) for word in done.args)
        self.found |= self._sentinel.found(f"output of {words}", f"{done.stdout}\n{done.stderr}".encode())

    def _look_at_processes(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            alive = [name for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 - names are enough
            self._looks = Counter({name: self._looks[name] + 1 for name in alive})
            for name, looks in self._looks.items():
                # A process is told its arguments after it has begun, and may change them later.
                if looks <= _FIRST_LOOKS or looks % _LATER_LOOKS == 0:
                    self._look_at(_PROC / name)

    def _look_at(self, process: Path) -> None:
        """Arguments of any process of the machine; the environment of those inside containers.

        Those outside are the person's who deploys, and were given the passphrase in their environment.
        """
        try:
            arguments = (process / "cmdline").read_bytes()
            inside = (process / "ns/pid").readlink() != self._own
            environment = (process / "environ").read_bytes() if inside else b""
        except OSError:  # it has just ended
            return
        name = arguments.partition(b"\0")[0].decode(errors="replace")
        if inside:
            self.processes.add(name)
        self.found |= self._sentinel.found(f"arguments of {name}", arguments)
        self.found |= self._sentinel.found(f"environment of {name}", environment)

    def _hear_events(self) -> None:
        for line in self._events.stdout or ():
            event = json.loads(line)
            what = f"event {event.get('Type')} {str(event.get('Action')).partition(':')[0]}"
            self.found |= self._sentinel.found(what, line.encode())
            if event.get("Type") == "container" and event.get("Action") == "start":
                self._inspect(event["Actor"]["ID"], str(event["Actor"]["Attributes"].get("name")))

    def _inspect(self, container_id: str, name: str) -> None:
        """Even a container that runs for a moment and is removed."""
        done = subprocess.run(["docker", "inspect", container_id], capture_output=True, check=False)
        if done.returncode == 0:
            self.inspected.add(name)
            self.found |= self._sentinel.found(f"inspection of container {name}", done.stdout)


def docker(*words: str) -> bytes:
    return subprocess.run(["docker", *words], capture_output=True, check=True).stdout


def names(kind: str, prefix: str) -> list[str]:
    """Containers, volumes or networks of a stack; images by the beginning of their tags."""
    if kind == "image":
        tags = docker("image", "ls", "--format={{.Repository}}:{{.Tag}}").decode().split()
        return sorted(tag for tag in tags if tag.startswith(f"{prefix}/"))
    every = ["--all"] if kind == "container" else []
    shown = "{{.Names}}" if kind == "container" else "{{.Name}}"
    found = docker(kind, "ls", *every, f"--filter=label=django-stack.stack={prefix}", f"--format={shown}")
    return sorted(found.decode().split())


def left_behind(sentinel: Sentinel, prefix: str, folder: Path) -> Iterator[tuple[str, set[str]]]:
    """Every place where a stack leaves something, and what is found there."""
    for kind in ("container", "volume", "network", "image"):
        inspected = docker(kind, "inspect", *names(kind, prefix))
        yield f"{kind} inspect", sentinel.found(f"{kind} inspect", inspected)
    yield (
        "container logs",
        {each for name in names("container", prefix) for each in sentinel.found(f"log of {name}", _log(name))},
    )
    images = names("image", prefix)
    yield (
        "image history",
        {
            each
            for image in images
            for each in sentinel.found(f"history of {image}", docker("history", "--no-trunc", "--format=json", image))
        },
    )
    yield "image layers", _found_in_tar_of(sentinel, "layers", ["docker", "save", *images])
    for volume in names("volume", prefix):
        use = volume.removeprefix(f"{prefix}-")
        if not use.startswith("secrets-"):  # what may be read there by whom is a test of its own
            yield f"volume {use}", _found_in_tar_of(sentinel, f"volume {use}", _reading(volume, images))
    for part in (".state", ".local"):
        yield part, sentinel.found_in_files(folder / part)
    yield (
        "stack config",
        {each for file in folder.glob("Pulumi*.yaml") for each in sentinel.found(file.name, file.read_bytes())},
    )


def _log(name: str) -> bytes:
    done = subprocess.run(["docker", "logs", name], capture_output=True, check=True)
    return done.stdout + done.stderr


def _reading(volume: str, images: list[str]) -> list[str]:
    python = next(image for image in images if "/python:" in image)
    flags = ["--rm", "--network=none", "--user=0:0", "--entrypoint=tar", f"--volume={volume}:/v:ro"]
    return ["docker", "run", *flags, python, "--create", "--ignore-failed-read", "--directory=/v", "."]


def _found_in_tar_of(sentinel: Sentinel, place: str, command: list[str]) -> set[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        found = sentinel.found_in_tar(place, process.stdout)
        process.stdout.read()
    assert process.returncode in (0, 1), command  # 1: a file has changed while it was read
    return found
