"""Adds an image's static files to those that Nginx serves, and takes away those that no kept release has.

publish_static.py --image NAME --keep N

Runs in the project's own image. Pages of the releases before still ask for theirs, so theirs stay: of the last N
releases that were live, as the ledger says. A file that is there with other content, as one without a hash in its name
may be, is replaced. Prints what was published, as JSON:
    {"files": 131, "sha256": "…"}                 over the names and contents of all files
"""

import argparse
import filecmp
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import ledger

SOURCE, TARGET = Path("/srv/static"), Path("/srv/published")
LISTS = ".published"
"""Folder with the names of each image's files. Nginx does not serve it."""


def files_of(folder: Path) -> list[str]:
    """Paths of all files in it, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def manifest(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for name in names:
        total.update(f"{name}\0{hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def copy(source: Path, target: Path) -> None:
    """Have the same content there, at once: nobody reads half a file."""
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.half")
    shutil.copyfile(source, half)
    os.replace(half, target)  # noqa: PTH105 - Path.replace is the same, and reads as a change of text


def stale(lists: Mapping[str, Iterable[str]], kept: set[str]) -> list[str]:
    """Files that were published for images which are not kept, and for no other. Pure.

    None, when it is not known what a kept image has.
    """
    if not kept <= set(lists):
        return []
    needed = {name for image in kept for name in lists[image]}
    return sorted({name for names in lists.values() for name in names} - needed)


def kept_images(records: Iterable[ledger.Record], keep: int) -> set[str]:
    """Images of the last releases that were live. Pure."""
    newest: dict[str, str] = {}
    for record in records:
        if record["result"] == "live":
            newest.pop(record["release"], None)
            newest[record["release"]] = record["image"]
    return set(list(newest.values())[-keep:])


def list_of(image: str) -> str:
    """Name of the file with the names of an image's files."""
    return image.rpartition(":")[2] + ".json"


def prune(target: Path, kept: set[str]) -> list[str]:
    """Remove what no kept image needs; what was removed."""
    found = {path.name: json.loads(path.read_text()) for path in (target / LISTS).glob("*.json")}
    wanted = {list_of(image) for image in kept}
    removed = stale(found, wanted)
    for name in removed:
        (target / name).unlink(missing_ok=True)
    if wanted <= set(found):
        for name in set(found) - wanted:
            (target / LISTS / name).unlink()
    return removed


def publish(source: Path, target: Path, image: str) -> dict[str, object]:
    """Copy an image's files and remember which they are."""
    names = files_of(source)
    for name in names:
        copy(source / name, target / name)
    (target / LISTS).mkdir(exist_ok=True)
    (target / LISTS / list_of(image)).write_text(json.dumps(names))
    return {"files": len(names), "sha256": manifest(source, names)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--keep", type=int, required=True)
    arguments = parser.parse_args()
    published = publish(SOURCE, TARGET, arguments.image)
    try:
        kept = kept_images(ledger.read(), arguments.keep)
    except ledger.BrokenLedgerError as broken:
        print(f"static files of earlier releases stay, as the release ledger is broken: {broken}", file=sys.stderr)
    else:
        removed = prune(TARGET, kept | {arguments.image})
        if removed:
            print(f"{len(removed)} static files of releases that are not kept any more were removed", file=sys.stderr)
    print(json.dumps(published))


if __name__ == "__main__":
    main()
