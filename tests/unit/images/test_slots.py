"""The slots: who is pointed where, and that no reader ever meets a missing link."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import slots
from slots import SLOTS, commit, committed, live, names, restore, show, spread, write

OLD = [f"/run/web/old-{number}.sock" for number in (1, 2)]
NEW = [f"/run/web/new-{number}.sock" for number in (1, 2, 3)]


def pool(found: dict[str, str], kind: str) -> list[str]:
    """Where the slots of a pool point."""
    return [found[name] for name in names(kind)]


def test_every_slot_of_every_pool_is_pointed_at_a_replica() -> None:
    """Visitors and those with a cookie at its socket, long requests at its other one."""
    found = spread(NEW, current={})
    assert len(found) == 3 * SLOTS
    assert pool(found, "") == pool(found, "canary-") == [NEW[number % 3] for number in range(SLOTS)]
    assert pool(found, "long-") == [NEW[number % 3].replace(".sock", ".long.sock") for number in range(SLOTS)]


@pytest.mark.parametrize("count", range(1, SLOTS + 1))
def test_replicas_share_the_slots_evenly(count: int) -> None:
    """As evenly as their number allows."""
    shares = Counter(pool(spread([str(number) for number in range(count)], current={}), ""))
    assert len(shares) == count
    assert max(shares.values()) - min(shares.values()) <= 1


@pytest.mark.parametrize("share", [0, 1, 2, 5, 10])
def test_a_canary_takes_its_share_and_the_visitors_with_the_cookie(share: int) -> None:
    """The others stay, and so do long requests."""
    before = spread(OLD, current={})
    found = spread(NEW, current=before, canary=share)
    moved = [number for number, socket in enumerate(pool(found, "")) if socket in NEW]
    assert len(moved) == share
    assert {later - earlier for earlier, later in pairwise(moved)} <= {SLOTS // max(share, 1)}
    assert set(pool(found, "canary-")) == set(NEW)
    assert pool(found, "long-") == pool(before, "long-")


def test_a_slot_is_changed_without_being_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new link is made beside it and renamed over it."""
    write(spread(OLD, current={}), tmp_path)
    missing: list[str] = []
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        missing.extend(name for name in names("") if not (tmp_path / name).is_symlink())
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    write(spread(NEW, current={}), tmp_path)
    assert missing == []
    assert show(tmp_path) == spread(NEW, current={})


def test_a_write_that_was_interrupted_is_no_obstacle(tmp_path: Path) -> None:
    """A link that it left is made anew."""
    (tmp_path / ".0.sock.new").symlink_to("/nowhere")
    write(spread(OLD, current={}), tmp_path)
    assert show(tmp_path) == spread(OLD, current={})


def test_what_was_committed_can_be_restored(tmp_path: Path) -> None:
    """Wherever the slots point by then."""
    write(spread(OLD, current={}), tmp_path)
    commit("aaaaaaaaaa", tmp_path)
    write(spread(NEW, current=show(tmp_path)), tmp_path)
    assert live(tmp_path) == "aaaaaaaaaa"
    restore(tmp_path)
    assert show(tmp_path) == committed(tmp_path) == spread(OLD, current={})


def test_before_the_first_commit_nothing_is_live(tmp_path: Path) -> None:
    """And nothing can be restored."""
    restore(tmp_path)
    assert (live(tmp_path), committed(tmp_path), show(tmp_path)) == ("", {}, {})


def test_the_command_prints_what_is_live_and_where_the_slots_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON, after whatever it did."""
    for function in (show, commit, live, committed, restore):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    monkeypatch.setattr(write, "__defaults__", (tmp_path,))
    for words in (["point", *OLD], ["commit", "aaaaaaaaaa"], ["point", "--canary=2", *NEW], ["restore"]):
        monkeypatch.setattr("sys.argv", ["slots.py", *words])
        slots.main()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["release"] for each in told] == ["", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa"]
    assert sum(socket in NEW for socket in pool(told[2]["slots"], "")) == 2
    assert told[3]["slots"] == told[0]["slots"]
