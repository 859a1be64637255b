"""The waiting room: what comes is held and answered later, and no slot is left at it."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import slots
import waiting_room

from tests.unit.images.servers import answer, on_socket


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slots that point to two replicas, as the last commit has them."""
    monkeypatch.setattr(slots, "DIRECTORY", tmp_path)
    for name in ("show", "write", "committed"):
        monkeypatch.setattr(getattr(slots, name), "__defaults__", (tmp_path,))
    monkeypatch.setattr(waiting_room, "SOCKET", tmp_path / "waiting.sock")
    monkeypatch.setattr(waiting_room, "DOOR", tmp_path / "open")
    monkeypatch.setattr(waiting_room, "LOOK_SECONDS", 0.01)
    slots.write(slots.spread([str(tmp_path / "web-1.sock"), str(tmp_path / "web-2.sock")], current={}))
    slots.commit("aaaaaaaaaa", tmp_path)
    return tmp_path


async def ask(folder: Path) -> bytes:
    """One request by way of a slot, as Nginx sends it."""
    reader, writer = await asyncio.open_unix_connection((folder / "0.sock").resolve())
    writer.write(b"POST /order/ HTTP/1.1\r\nHost: h\r\n\r\n")
    text = await reader.read()
    writer.close()
    return text


async def until(holds: Callable[[], bool]) -> None:
    """As soon as that is so."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for is in the file system
            await asyncio.sleep(0.005)


def pointed_at_the_room() -> bool:
    return set(slots.show().values()) == {str(waiting_room.SOCKET)}


def replicas(folder: Path, *, count: int = 2) -> ExitStack:
    """So many of them answer."""
    stack = ExitStack()
    for number in range(1, count + 1):
        stack.enter_context(on_socket(folder / f"web-{number}.sock", answer(200, b"done")))
    return stack


def test_what_waits_is_answered_when_the_door_is_opened(folder: Path) -> None:
    """By a replica, whole; until then nobody gets an answer, and every slot leads here."""

    async def story() -> list[bytes]:
        holding = asyncio.create_task(waiting_room.hold(5))
        await until(pointed_at_the_room)
        requests = [asyncio.create_task(ask(folder)) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert not any(request.done() for request in requests)
        waiting_room.DOOR.touch()
        answers = await asyncio.gather(*requests)
        await holding
        return answers

    before = slots.show()
    with replicas(folder):
        answers = asyncio.run(story())
    assert [text.endswith(b"\r\n\r\ndone") for text in answers] == [True] * 4
    assert slots.show() == before
    assert not waiting_room.SOCKET.exists()


def test_it_lets_go_by_itself(folder: Path) -> None:
    """When nobody opens the door in time."""

    async def story() -> bytes:
        holding = asyncio.create_task(waiting_room.hold(0.05))
        await until(pointed_at_the_room)
        text = await ask(folder)
        await holding
        return text

    before = slots.show()
    with replicas(folder):
        assert asyncio.run(story()).endswith(b"done")
    assert slots.show() == before


@pytest.mark.usefixtures("folder")
def test_a_room_that_was_killed_has_left_the_slots_at_itself() -> None:
    """The next one points them back to the release that is live."""
    before = slots.show()
    slots.write(dict.fromkeys(before, str(waiting_room.SOCKET)))
    waiting_room.SOCKET.touch()
    asyncio.run(waiting_room.hold(0))
    assert slots.show() == before


def test_a_replica_that_is_not_there_costs_its_requests_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are told; the others are answered."""

    async def story() -> list[bytes]:
        holding = asyncio.create_task(waiting_room.hold(5))
        await until(pointed_at_the_room)
        requests = [asyncio.create_task(ask(folder)) for _ in range(4)]
        await asyncio.sleep(0.05)
        waiting_room.DOOR.touch()
        answers = await asyncio.gather(*requests)
        await holding
        return answers

    with replicas(folder, count=1):
        answers = asyncio.run(story())
    assert sorted(text.endswith(b"done") for text in answers) == [False, False, True, True]
    assert capsys.readouterr().err.count("could not be passed on") == 2


def test_requests_that_waited_go_to_ordinary_sockets(folder: Path) -> None:
    """A replica's socket for long requests is none of its targets."""
    targets = {target for name, target in slots.committed().items() if not name.startswith(slots.LONG)}
    assert targets == {str(folder / "web-1.sock"), str(folder / "web-2.sock")}
