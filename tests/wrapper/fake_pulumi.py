"""Pretends to be the Pulumi CLI: notes how it was called, and does to files what the CLI would do."""

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import yaml


def option(name: str, default: str = "") -> str:
    words = sys.argv[1:]
    return words[words.index(name) + 1] if name in words else default


def state(stack: str) -> Path:
    configured = yaml.safe_load(Path("Pulumi.yaml").read_text()).get("backend") or {}
    folder = Path((os.environ.get("PULUMI_BACKEND_URL") or configured["url"]).removeprefix("file://"))
    return folder / ".pulumi" / "stacks" / "tiny" / f"{stack}.json"


def edit(path: Path, key: str, value: object) -> None:
    content = yaml.safe_load(path.read_text()) or {} if path.exists() else {}
    if ":" not in key:
        content[key] = value
    elif value is None:
        content.get("config", {}).pop(key, None)
    else:
        content.setdefault("config", {})[key] = value
    path.write_text(yaml.safe_dump(content))


def note(**facts: object) -> None:
    names = ("PULUMI_BACKEND_URL", "PULUMI_STACK", "PULUMI_CONFIG_PASSPHRASE_FILE", "DOCKER_HOST")
    facts |= {"words": sys.argv[1:], "cwd": str(Path.cwd()), **{name: os.environ.get(name) for name in names}}
    with Path(os.environ["FAKE_PULUMI_LOG"]).open("a") as log:
        log.write(json.dumps(facts) + "\n")


def wait_for_signals() -> None:
    """Count what arrives within a moment of the first."""
    seen: list[int] = []

    def count(number: int, _: FrameType | None) -> None:
        seen.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, count)
    print("ready", flush=True)
    while not seen:
        time.sleep(0.01)
    time.sleep(0.3)
    note(signals=seen)


def main() -> int:
    words = sys.argv[1:]
    if words == ["version"]:
        print(os.environ.get("FAKE_PULUMI_VERSION", "v3.259.0"))
        return 0
    plain = [word for word in words if not word.startswith("-")]
    if "--wait-for-signals" in words:
        wait_for_signals()
        return 130
    note(stdin=sys.stdin.read() if "--secret" in words else "")
    code = int(os.environ.get("FAKE_PULUMI_EXIT", "0"))
    print("pulumi's own output")
    if plain[:2] == ["stack", "init"]:
        init(plain[2])
        return 0
    if plain[:2] == ["stack", "select"]:
        select(plain[2])
        return 0
    if plain[:1] == ["config"]:
        configure(words)
    elif plain[:1] == ["destroy"] and "--remove" in words:
        Path("Pulumi.dev.yaml").unlink()
    return code


def init(stack: str) -> None:
    config = Path(f"Pulumi.{stack}.yaml")
    if "encryptionsalt" not in (config.read_text() if config.exists() else ""):
        edit(config, "encryptionsalt", "v1:fake")
    state(stack).parent.mkdir(parents=True, exist_ok=True)
    state(stack).write_text('{"version": 3, "checkpoint": {"latest": {"resources": []}}}')


def select(stack: str) -> None:
    digest = hashlib.sha1(str(Path.cwd() / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    file = Path.home() / ".pulumi" / "workspaces" / f"tiny-{digest}-workspace.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"stacks": {os.environ.get("PULUMI_BACKEND_URL", ""): f"organization/tiny/{stack}"}}))


def configure(words: list[str]) -> None:
    config = Path(option("--config-file") or f"Pulumi.{option('--stack', 'dev')}.yaml")
    if "--secret" in words:
        edit(config, words[-1], {"secure": "v1:sealed"})
    elif "set" in words:
        edit(config, words[-2], words[-1])
    elif "rm" in words:
        edit(config, words[-1], None)


sys.exit(main())
