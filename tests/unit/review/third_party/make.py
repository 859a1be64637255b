"""Writes migrations.json anew: `.venv/bin/python -m tests.unit.review.third_party.make`, from the project's folder.

Installs the packages of requirements.txt, names and versions pinned, from the package index, into an environment of its
own, and has describe.py tell all their migrations. Which of them are safe is a person's word, in safe.txt: neither
readers nor writers of a table with many rows are kept out for long, nothing is lost, and the code of before goes on.
After other versions read the migrations that are new, and write those that are safe into it.
"""

import json
import subprocess
from pathlib import Path

from tests.sample.hosted import virtual_environment

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    python = virtual_environment(FOLDER / "requirements.txt")
    done = subprocess.run([python, FOLDER / "describe.py"], text=True, capture_output=True, check=True)
    told = json.loads(done.stdout)
    lock = (FOLDER / "requirements.txt").read_text()
    told["packages"] = {name: version for name, version in told["packages"].items() if f"{name}=={version}" in lock}
    (FOLDER / "migrations.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
