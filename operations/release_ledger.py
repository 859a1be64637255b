"""The release ledger of a stack, as operators read it: what was live, when, by whom, and whether it can be again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from operations.errors import OperationError
from release.docker_cli import Docker
from release.errors import DockerError
from release.ledger import kept

Record = Mapping[str, Any]


def read(docker: Docker, prefix: str) -> list[Record]:
    """Every record, the chain verified. Raises OperationError."""
    if not docker("volume", "ls", "--quiet", f"--filter=name=^{prefix}-ledger$").strip():
        raise OperationError(f"stack {prefix}: it has no releases yet. Deploy it first: ./pulumiw up")
    images = docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", f"{prefix}/python").split()
    if not images:
        raise OperationError(f"stack {prefix}: its image with the stack's tools is gone. Run ./pulumiw up --refresh.")
    hardened = ["--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"]
    mount = f"--volume={prefix}-ledger:/var/lib/ledger:ro"
    script = ["python3", "/opt/stack/ledger.py", "show"]
    try:
        printed = docker("run", *hardened, "--user=10002:10000", mount, images[0], *script)
    except DockerError as error:
        raise OperationError(f"stack {prefix}: {str(error).partition(': ')[2]}") from None
    return [json.loads(line) for line in printed.splitlines() if line]


def candidates(records: Sequence[Record], keep: int) -> list[Record]:
    """Releases that a stack can go back to, the latest first; without the one that is live."""
    return list(reversed(kept(records, keep)[:-1]))


def obstacle(records: Sequence[Record], target: Record) -> str:
    """Why the database has moved past a release; empty if the release can run on it as it is.

    What had been applied when the release was last live is none: it has run on that.
    """
    then = _contracting(record for record in records if record["number"] <= target["number"])
    since = _contracting(record for record in records if record["number"] > target["number"])
    told = "; ".join(f"{name} ({why})" for name, why in since.items() if name not in then)
    return f"the database has moved past it with {told}" if told else ""


def _contracting(records: Iterable[Record]) -> dict[str, str]:
    return {name: why for record in records for name, why in record["migrations"]["contracting"].items()}


def pin(target: Record, instead_of: str) -> str:
    """The value of `pinnedRelease` that holds a stack at a release, instead of the one that its config makes."""
    held = {
        "release": target["release"],
        "instead_of": instead_of,
        "image": target["image"],
        "secrets_volume": target["secrets_volume"],
        "spec": target["spec"],
    }
    return json.dumps(held, sort_keys=True, separators=(",", ":"))
