"""The lock of a stack: one writer, whatever happens to the others."""

import multiprocessing
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from engine import lock
from engine.errors import StackLockedError
from engine.lock import DEAD_AFTER_SECONDS, HEARTBEAT_SECONDS, Lock, host_identity, is_dead, process_start
from engine.store import LocalStore, write_whole
from engine.values import compact_json


def test_a_second_update_is_refused_and_told_who_holds_the_stack(tmp_path: Path) -> None:
    """The owner, the process and the way out stand in the error."""
    store = LocalStore(tmp_path)
    with Lock(store, "locks"), pytest.raises(StackLockedError) as caught, Lock(store, "locks"):
        pass
    assert f"(pid {os.getpid()})" in str(caught.value)
    assert "pulumi cancel" in str(caught.value)
    assert list((tmp_path / "locks").iterdir()) == []


def _gone_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("content", "silent_for", "dead"),
    [
        ({"pid": os.getpid(), "host": host_identity(), "processStart": process_start(os.getpid())}, 1e6, False),
        ({"pid": os.getpid(), "host": host_identity(), "processStart": "1"}, 0.0, True),
        ({"pid": _gone_process(), "host": host_identity(), "processStart": "1"}, 0.0, True),
        ({"pid": 1, "host": "elsewhere", "processStart": "1"}, HEARTBEAT_SECONDS, False),
        ({"pid": 1, "host": "elsewhere", "processStart": "1"}, DEAD_AFTER_SECONDS + 1, True),
        ({"pid": _gone_process(), "hostname": socket.gethostname()}, 1e6, True),
        ({"pid": os.getpid(), "hostname": socket.gethostname()}, 1e6, False),
        ({"pid": _gone_process(), "hostname": "elsewhere"}, 1e6, False),
        ({}, 1e6, False),
    ],
)
def test_only_the_dead_lose_their_lock(content: dict[str, Any], silent_for: float, dead: bool) -> None:
    """Here the process decides, elsewhere the heartbeat; the CLI's own lock has none and stays."""
    assert is_dead(content, silent_for) is dead


def test_the_lock_of_a_dead_owner_frees_itself(tmp_path: Path) -> None:
    """Without `cancel`, and without waiting."""
    dead = {"pid": _gone_process(), "host": host_identity(), "processStart": "1"}
    path = tmp_path / "locks" / "dead.json"
    write_whole(path, compact_json(dead))
    with Lock(LocalStore(tmp_path), "locks"):
        assert not path.exists()


def test_a_heart_that_stopped_elsewhere_frees_its_lock_within_a_minute(tmp_path: Path) -> None:
    """By the clock of the file system that holds the locks."""
    path = tmp_path / "locks" / "far.json"
    write_whole(path, compact_json({"pid": 1, "host": "elsewhere", "processStart": "1"}))
    os.utime(path, (time.time() - 30, time.time() - 30))
    with pytest.raises(StackLockedError), Lock(LocalStore(tmp_path), "locks"):
        pass
    os.utime(path, (time.time() - 61, time.time() - 61))
    with Lock(LocalStore(tmp_path), "locks"):
        assert not path.exists()


def test_the_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's time moves while the update runs."""
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    with Lock(LocalStore(tmp_path), "locks"):
        [path] = (tmp_path / "locks").iterdir()
        os.utime(path, (1, 1))
        time.sleep(0.2)
        assert path.stat().st_mtime > 1


def test_an_update_whose_lock_was_cancelled_writes_no_more(tmp_path: Path) -> None:
    """It finds out before its next save."""
    store = LocalStore(tmp_path)
    with Lock(store, "locks") as held:
        store.write("state", "1", held=held.name)
        store.remove("locks")
        with pytest.raises(StackLockedError, match="has been removed by `cancel`"):
            store.write("state", "2", held=held.name)
    assert store.read("state") == b"1"


def race(folder: Path, start: Any, writers: Any, results: Any) -> None:
    """One contender: counts how many hold the lock at once."""
    start.wait()
    try:
        with Lock(LocalStore(folder), "locks"):
            with writers.get_lock():
                writers.value += 1
                seen = writers.value
            time.sleep(0.005)
            with writers.get_lock():
                writers.value -= 1
            results.put(seen)
    except StackLockedError:
        results.put(0)


def run_races(folder: Path, number: int, contenders: int = 3) -> list[list[int]]:
    """For each race, how many writers each contender saw; 0 where it was refused."""
    context = multiprocessing.get_context("fork")
    races = []
    for _ in range(number):
        start, writers, results = context.Event(), context.Value("i", 0), context.SimpleQueue()
        processes = [context.Process(target=race, args=(folder, start, writers, results)) for _ in range(contenders)]
        for process in processes:
            process.start()
        start.set()
        for process in processes:
            process.join()
        races.append([results.get() for _ in processes])
    return races


def test_in_every_race_there_is_one_writer_at_a_time(tmp_path: Path) -> None:
    """Twenty races of three; the exam runs a hundred."""
    races = run_races(tmp_path, 20)
    assert all(max(seen) == 1 for seen in races)
    assert list((tmp_path / "locks").iterdir()) == []
