"""The ledger's chain: what is added follows what is there, and what is changed is noticed."""

import hashlib
import json
from pathlib import Path

import ledger
import pytest
from ledger import GENESIS, BrokenLedgerError, append, chained, digest, read, verified


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger of three records."""
    path = tmp_path / "releases.jsonl"
    for release in ("a", "b", "ü"):
        append({"release": release, "proof": {"failed": 0}}, path)
    return path


def test_records_are_numbered_and_linked(file: Path) -> None:
    """Each has the hash of the one before; the first has zeros."""
    records = read(file)
    assert [record["number"] for record in records] == [1, 2, 3]
    assert [record["previous"] for record in records] == [GENESIS, records[0]["hash"], records[1]["hash"]]
    assert [record["release"] for record in records] == ["a", "b", "ü"]


def test_the_hash_is_over_canonical_json_without_itself() -> None:
    """So that anybody can compute it: sorted keys, no spaces, non-ASCII escaped, SHA-256."""
    record = chained({"release": "ü", "a": 1}, None)
    assert record["hash"] == digest(record) == digest({**record, "hash": "anything"})
    text = f'{{"a":1,"number":1,"previous":"{GENESIS}","release":"\\u00fc"}}'
    assert record["hash"] == hashlib.sha256(text.encode()).hexdigest()


def test_what_is_added_says_what_was_written(file: Path) -> None:
    """With number and hashes, as it is in the file."""
    written = append({"release": "c"}, file)
    assert written == json.loads(file.read_text().splitlines()[-1])
    assert written["number"] == 4


def test_a_ledger_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Before the first release."""
    assert read(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_record_that_was_changed_is_noticed(file: Path, number: int) -> None:
    """Whichever it is, and however small the change."""
    lines = file.read_text().splitlines()
    lines[number - 1] = lines[number - 1].replace('"failed": 0', '"failed": 1')
    with pytest.raises(BrokenLedgerError, match=f"record {number} must be as it was written"):
        verified(lines)


def test_a_record_with_a_hash_made_to_fit_breaks_the_next(file: Path) -> None:
    """That one has the hash of what was there before."""
    lines = file.read_text().splitlines()
    forged = json.loads(lines[0]) | {"release": "forged"}
    lines[0] = json.dumps(forged | {"hash": digest(forged)})
    with pytest.raises(BrokenLedgerError, match="record 2 must follow record 1"):
        verified(lines)


@pytest.mark.parametrize("order", [[0, 2], [1, 2], [0, 2, 1], [0, 1, 1, 2], [1, 0, 2]])
def test_a_record_that_was_removed_moved_or_doubled_is_noticed(file: Path, order: list[int]) -> None:
    """By number and by the hash of the one before."""
    lines = file.read_text().splitlines()
    with pytest.raises(BrokenLedgerError, match="must follow record"):
        verified([lines[number] for number in order])


@pytest.mark.parametrize(
    ("line", "told"), [("not JSON", "must be JSON"), ("[]", "must be a JSON object"), ("", "must be JSON")]
)
def test_a_line_that_is_no_record_is_noticed(file: Path, line: str, told: str) -> None:
    """Rather than passed over."""
    with pytest.raises(BrokenLedgerError, match=told):
        verified([*file.read_text().splitlines(), line])


def test_nothing_is_added_to_a_broken_chain(file: Path) -> None:
    """It would look whole from there on."""
    before = file.read_text().replace('"a"', '"x"')
    file.write_text(before)
    with pytest.raises(BrokenLedgerError):
        append({"release": "c"}, file)
    assert file.read_text() == before


def test_a_write_that_a_crash_cut_short_never_was(file: Path) -> None:
    """It was not reported to anybody; the next record takes its place."""
    whole = file.read_text()
    file.write_text(whole + '{"number": 4, "prev')
    assert len(read(file)) == 3
    append({"release": "ö"}, file)
    assert [record["number"] for record in read(file)] == [1, 2, 3, 4]
    assert file.read_text().startswith(whole)


def test_the_command_says_where_the_chain_breaks_and_what_to_do(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends with an error."""
    file.write_text(file.read_text().replace('"b"', '"x"'))
    monkeypatch.setattr(ledger, "FILE", file)
    monkeypatch.setattr(ledger.read, "__defaults__", (file,))
    monkeypatch.setattr("sys.argv", ["ledger.py", "verify"])
    with pytest.raises(SystemExit, match=r"record 2 must be as it was written .*put a copy of it back"):
        ledger.main()
