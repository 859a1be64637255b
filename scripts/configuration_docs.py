"""docs/configuration.md from what is in use: Pulumi.yaml's keys, types, defaults and words, and the rules in words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config_schema import OPTIONAL_SECRETS, RULES, SECRET_LENGTHS, Key, declared_keys

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "configuration.md"

_HEAD = """\
# Configuration

<!-- Written by scripts/docs from Pulumi.yaml and config_schema.py. Change those, then run it again. -->

Everything that may differ between environments is a key of the stack config: `Pulumi.dev.yaml`, `Pulumi.staging.yaml`,
`Pulumi.prod.yaml`, or one of your own. What a stack leaves out has the default below.

```
./pulumiw config set webReplicas 3 --stack prod     # one value
./pulumiw config --stack prod                       # all of them
./ops secrets create --stack prod                   # the two secrets
./ops doctor --stack prod                           # is it all right?
```

The whole config is checked before anything is touched, and all that is wrong with it is reported at once. A key that is
not listed here is an error. `docker:host` is the Docker provider's own key: the engine to deploy to, if it is not the
default one.

Some rules look at more than one key, or at the disk:

- `appPath` must be a folder that holds manage.py, and `buildCaFile` a file that can be read.
- `httpPort` and `httpsPort` must differ.
- `webMemoryMb` must hold Gunicorn's master process and at least two workers of `gunicornWorkerMemoryMb`.
- `webPids` must hold every worker and every thread.
- PostgreSQL must offer the connections that two releases side by side can open; it offers what its memory allows.
- `driftSchedule` must be empty where `docker:host` is another machine: the timer runs in the folder that deploys.
- `seedDump` must be a dump that can be read, outside of `appPath`; it and `seedCommands` are refused in a stack named
  prod or production, and wherever `protectData` is true. [What they do](pull-requests.md#data)
- No key but the secrets may be encrypted: everything else is in clear on the server, whatever it is here.
"""


def render() -> str:
    """The whole document."""
    keys = declared_keys(ROOT / "Pulumi.yaml")
    parts = [_HEAD]
    for title, names in sections((ROOT / "Pulumi.yaml").read_text(encoding="utf-8")):
        rows = [_row(keys[name]) for name in names]
        head = "| Key | Type | Default | What it is | Rule |\n|---|---|---|---|---|"
        parts.append(f"## {title}\n\n{head}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """The keys of Pulumi.yaml's `config:` under the comments that head them."""
    title, names = "", list[str]()
    for line in text.partition("\nconfig:\n")[2].splitlines():
        heading, key = re.fullmatch(r"  # (.+)", line), re.fullmatch(r"  (\w+):", line)
        if heading:
            if names:
                yield title, names
            title, names = heading[1], []
        elif key:
            names.append(key[1])
    yield title, names


def _row(key: Key) -> str:
    cells = (f"`{key.name}`", key.type, _default(key.default), key.description, _rule(key.name))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: Any) -> str:
    if value in ("", [], {}):
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _rule(name: str) -> str:
    if name in SECRET_LENGTHS:
        return f"must be encrypted, and random, of {SECRET_LENGTHS[name]} characters or more"
    if name in OPTIONAL_SECRETS:
        return f"must be encrypted, and {RULES[name].words.removeprefix('must ')}"
    return RULES[name].words if name in RULES else ""


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)} is written.")
