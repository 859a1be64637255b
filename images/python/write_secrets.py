"""Write secrets as files: write_secrets.py DIRECTORY < {"name": "value", …}

A file that is there already must hold the same value: a running container would not notice another one, and a
release that is rolled back to must find what it was released with.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    directory = Path(sys.argv[1])
    secrets: dict[str, str] = json.load(sys.stdin)
    changed = [
        name
        for name, value in secrets.items()
        if (directory / name).exists() and (directory / name).read_text() != value
    ]
    if changed:
        sys.exit(
            f"secrets: {', '.join(changed)} must keep their values within one secretsVersion (got new ones)."
            " Raise secretsVersion by one in the stack config."
        )
    for name, value in secrets.items():
        descriptor = os.open(directory / f".{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
        (directory / f".{name}").rename(directory / name)


if __name__ == "__main__":
    main()
