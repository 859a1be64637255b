"""The release ledger: one JSON record a line, each with the hash of the one before, only ever added to.

ledger.py append < record.json      add a record, which gets its number and hashes; prints every record
ledger.py show                      every record
ledger.py verify                    exits 1 and says where, if a record was changed, removed or moved
"""

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = Path("/var/lib/ledger/releases.jsonl")
GENESIS = "0" * 64
"""What the first record has as the hash of the one before."""

Record = dict[str, Any]


class BrokenLedgerError(Exception):
    """The chain does not hold. Its text says at which record, and why."""


def digest(record: Record) -> str:
    """SHA-256 over the record without its own hash, in canonical JSON."""
    content = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def chained(record: Record, last: Record | None) -> Record:
    """The record as it follows `last`. Pure."""
    linked = record | {"number": last["number"] + 1 if last else 1, "previous": last["hash"] if last else GENESIS}
    return linked | {"hash": digest(linked)}


def verified(lines: Iterable[str]) -> list[Record]:
    """The records of a ledger's lines. Raises BrokenLedgerError."""
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise BrokenLedgerError(f"record {number} must be JSON (got {line[:60]!r}: {error})") from None
        if not isinstance(record, dict):
            raise BrokenLedgerError(f"record {number} must be a JSON object (got {line[:60]!r})")
        previous = records[-1]["hash"] if records else GENESIS
        if record.get("number") != number or record.get("previous") != previous:
            raise BrokenLedgerError(
                f"record {number} must follow record {number - 1} (got number {record.get('number')})"
            )
        if record.get("hash") != digest(record):
            raise BrokenLedgerError(f"record {number} must be as it was written (its hash does not match)")
        records.append(record)
    return records


def read(file: Path = FILE) -> list[Record]:
    """Every record. Raises BrokenLedgerError."""
    return verified(file.read_text().rpartition("\n")[0].splitlines()) if file.exists() else []


def append(record: Record, file: Path = FILE) -> Record:
    """Add a record after the last; what was written. Raises BrokenLedgerError."""
    with file.open("a+") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        ledger.seek(0)
        whole, newline, _torn = ledger.read().rpartition("\n")  # a write that a crash cut short was never reported
        records = verified(whole.splitlines())
        linked = chained(record, records[-1] if records else None)
        ledger.truncate(len((whole + newline).encode()))
        ledger.write(json.dumps(linked, sort_keys=True) + "\n")
        ledger.flush()
        os.fsync(ledger.fileno())
    return linked


def main() -> None:
    action = sys.argv[1] if len(sys.argv) > 1 else "show"
    try:
        if action == "append":
            append(json.load(sys.stdin))
        records = read()
    except BrokenLedgerError as broken:
        cure = f"Find out who wrote to {FILE}; put a copy of it back, or move it away to begin anew."
        sys.exit(f"release ledger: {broken}. {cure}")
    if action != "verify":
        print("\n".join(json.dumps(record, sort_keys=True) for record in records))


if __name__ == "__main__":
    main()
