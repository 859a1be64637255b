"""./ops review: what it reads, what it prints, and how it ends."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from operations import review, review_records
from operations.command_line import main
from release.errors import DockerError
from review import digest, plan, records
from tests.unit.operations.clones import Clone
from tests.unit.program import SERVER
from tests.unit.review.evidences import LEDGER, PACKAGES, PREFIX, RELEASE
from tests.unit.review.plans import text

WEB = f"{PREFIX}/web:0123456789ab"
MIGRATION = {
    "label": "shop.0002_more",
    "atomic": True,
    "contractions": [],
    "waivers": {},
    "statements": [{"sql": "DROP TABLE shop_order;", "of": "Raw SQL operation", "widens": False}],
    "unknown": [],
}


class FakeDocker:
    """Knows one image, which tells what it is told to."""

    def __init__(self, *migrations: dict[str, Any], problem: str = "", broken: bool = False) -> None:
        self.told = {"packages": PACKAGES, "problem": problem, "ahead": [], "migrations": list(migrations)}
        self.broken = broken
        self.runs: list[tuple[str, ...]] = []
        self.given = ""

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:  # noqa: ARG002
        if words[:2] == ("image", "inspect"):
            return "212860928\n" if words[-1] == WEB else ""
        if words[0] == "run":
            self.runs.append(words)
            self.given = stdin
            if self.broken:
                raise DockerError("docker run: python: can't open file '/opt/stack/pending.py'")
            return json.dumps(self.told) + "\n"
        if words[0] == "ps":
            return f"{PREFIX}-web-1\nother\n"
        assert words[0] == "inspect"
        return json.dumps([_inspected(f"{PREFIX}-web-1", PREFIX), _inspected("other", "")])


def _inspected(name: str, stack: str) -> dict[str, Any]:
    labels = {"django-stack.stack": stack, "django-stack.role": "web"} if stack else None
    limits = {"Memory": 512 * 1024**2, "NanoCpus": 1_500_000_000} if stack else {}
    return {"Name": f"/{name}", "HostConfig": limits, "Config": {"Labels": labels, "Image": WEB}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good inputs, by name."""
    record = {"number": 7, "time": "now", "release": "a", "migrations": {"heads": dict(LEDGER.heads)}}
    content = {
        "preview.json": text(RELEASE),
        "ledger.json": json.dumps(record),
        "audit.json": json.dumps({"dependencies": [{"name": "django", "version": "5", "vulns": []}], "fixes": []}),
        "capacity.json": json.dumps(
            {
                "format": 1,
                "time": "now",
                "server": {"cpus": 8, "memory_mb": 32000, "disk_free_mb": None},
                "containers": [{"name": "a", "memory_mb": 1, "cpus": 1.0, "stack": "", "role": ""}],
                "image": None,
            }
        ),
    }
    for name, each in content.items():
        (tmp_path / name).write_text(each)
    return tmp_path


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    fake = FakeDocker()
    monkeypatch.setattr(review, "DockerCli", lambda *_: fake)
    return fake


def inputs(folder: Path) -> list[str]:
    names = ("preview", "ledger", "capacity", "audit")
    return [*(f"--{name}={folder / name}.json" for name in names), f"--image={WEB}"]


def test_everything_is_read_and_told(folder: Path, docker: FakeDocker, capsys: pytest.CaptureFixture[str]) -> None:
    """A verdict on standard output, and no complaint."""
    assert main(["review", *inputs(folder)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("## Safe: ")
    assert "not checked" not in told.out.replace("disk | not checked", "").replace("change not checked", "")
    assert told.err == ""
    assert json.loads(docker.given) == {"heads": dict(LEDGER.heads)}


def test_an_image_is_looked_into_without_a_network(folder: Path, docker: FakeDocker) -> None:
    """Nor with any other right; with the plain variables of the site, and room for stand-ins of secrets."""
    main(["review", *inputs(folder)])
    [run] = docker.runs
    assert {"--network=none", "--read-only", "--cap-drop=ALL", "--pull=never", "--rm"} <= set(run)
    assert "--env=A=1" in run
    assert run[-3:] == (WEB, "python", "/opt/stack/pending.py")
    assert not [word for word in run if word.startswith("--volume")]


def test_a_preview_comes_by_standard_input_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what else is missing is said, with the reason."""
    monkeypatch.setattr("sys.stdin", io.StringIO((folder / "preview.json").read_text()))
    assert main(["review"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("## Needs attention: a new release, whose migrations are not known: no --image was given")
    assert told.count("not checked: no --") >= 6


@pytest.mark.parametrize(("level", "code"), [("", 0), ("dangerous", 1), ("attention", 1)])
def test_a_dangerous_change_fails_where_that_is_wanted(
    level: str, code: int, folder: Path, docker: FakeDocker, capsys: pytest.CaptureFixture[str]
) -> None:
    """The comment is written all the same."""
    docker.told["migrations"] = [MIGRATION]
    assert main(["review", *inputs(folder), *([f"--fail-on={level}"] if level else [])]) == code
    assert capsys.readouterr().out.startswith("## Dangerous: shop.0002")


@pytest.mark.parametrize(
    ("docker_says", "reason"),
    [
        ({"problem": "RuntimeError: no licence"}, "RuntimeError: no licence"),
        ({"broken": True}, "the image cannot tell: docker run: python: can"),
    ],
)
def test_an_image_that_cannot_tell_is_no_safe_one(
    docker_says: dict[str, Any],
    reason: str,
    folder: Path,
    docker: FakeDocker,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its migrations are not known."""
    docker.__init__(**docker_says)  # type: ignore[misc]
    assert main(["review", *inputs(folder)]) == 0
    assert reason in capsys.readouterr().out.splitlines()[0]


def test_an_image_that_is_not_here_is_said(
    folder: Path, docker: FakeDocker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would not be pulled."""
    assert main(["review", *inputs(folder), "--image=shop/web:gone"]) == 0
    assert "the image shop/web" in capsys.readouterr().out.splitlines()[0]
    assert docker.runs == []


def test_without_a_linter_the_migrations_are_not_safe(
    folder: Path, docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are shown, and said not to be linted."""
    docker.told["migrations"] = [MIGRATION]
    monkeypatch.setattr("review.squawk.program", lambda: "")
    main(["review", *inputs(folder)])
    told = capsys.readouterr().out
    assert told.startswith("## Needs attention: migrations that no linter has seen: the linter squawk is not installed")
    assert "DROP TABLE shop" in told


@pytest.mark.parametrize("content", ["", "{", "error: locked", "[]"])
def test_a_preview_that_is_none_is_a_comment_and_a_failure(
    content: str, clone: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """So that the comment before does not stand there as if it held."""
    clone.enter(monkeypatch)
    (tmp_path / "preview").write_text(content)
    assert main(["review", "--stack", "prod", "--preview", str(tmp_path / "preview")]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("## Needs attention: preview: must be")
    assert told.out.splitlines()[1] == "<!-- django-stack review: django_stack/prod -->"
    assert told.err.startswith("error: preview: must be")


def test_a_preview_that_failed_is_a_comment_and_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason."""
    (tmp_path / "preview").write_text(text([], diagnostics=[{"severity": "error", "message": "the stack is locked"}]))
    assert main(["review", "--preview", str(tmp_path / "preview")]) == 1
    assert capsys.readouterr().out.startswith("## Needs attention: the preview failed: the stack is locked")
    assert main(["review", "--digest", "--preview", str(tmp_path / "preview")]) == 1
    assert "must have run to its end (got: the stack is locked)" in capsys.readouterr().err


def test_only_the_plan_that_was_reviewed_is_let_through(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its digest, which the review has."""
    preview = f"--preview={folder / 'preview.json'}"
    wanted = digest.of(plan.read((folder / "preview.json").read_text()))
    assert main(["review", preview, "--digest"]) == 0
    assert capsys.readouterr().out == f"{wanted}\n"
    assert main(["review", preview, "--expect-digest", wanted]) == 0
    capsys.readouterr()
    assert main(["review", preview, "--expect-digest", "0" * 64]) == 1
    assert f"got {wanted}, reviewed was {'0' * 64}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["ledger", "capacity", "audit"])
@pytest.mark.parametrize("content", ["", "{", "[1]", '{"format": 9}', "null"])
def test_a_record_that_cannot_be_read_is_refused(
    name: str, content: str, folder: Path, docker: FakeDocker, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name; a review on half of what was meant would be trusted too much."""
    (folder / f"{name}.json").write_text(content)
    assert main(["review", *inputs(folder)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {name}: must")
    assert docker.runs == []


def test_an_input_that_is_not_there_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its flag."""
    assert main(["review", *inputs(folder)[:1], "--ledger", str(folder / "gone")]) == 1
    assert capsys.readouterr().err.startswith("error: --ledger: must be a text file (got ")


def test_the_capacity_of_a_server_is_recorded_as_a_review_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Server, limits of all that runs, the live image and what is in it."""
    monkeypatch.setattr(review_records, "observe", lambda *_: SERVER)
    read = records.capacity(json.dumps(review_records.capacity(FakeDocker(), "", PREFIX)))
    assert (read.cpus, read.memory_mb, read.disk_free_mb) == (8, 32_000, 200_000)
    assert [(each.name, each.memory_mb, each.cpus, each.stack) for each in read.containers] == [
        ("other", 0, 0.0, ""),
        (f"{PREFIX}-web-1", 512, 1.5, PREFIX),
    ]
    assert (read.image, read.image_mb, read.packages) == (WEB, 203, PACKAGES)


def test_a_live_image_that_cannot_tell_its_packages_is_recorded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be older than the way to tell them."""
    monkeypatch.setattr(review_records, "observe", lambda *_: SERVER)
    read = records.capacity(json.dumps(review_records.capacity(FakeDocker(broken=True), "", PREFIX)))
    assert (read.image_mb, read.packages) == (203, {})


def test_the_last_record_with_migrations_is_the_one(folder: Path) -> None:
    """Of a whole ledger, too; a release that failed before its migrations tells of none."""
    line = json.loads((folder / "ledger.json").read_text())
    lines = [line | {"number": number} for number in (1, 2)] + [line | {"number": 3, "migrations": {"heads": {}}}]
    assert records.ledger("\n".join(map(json.dumps, lines))).number == 2
    assert records.ledger(json.dumps(line, indent=2)).number == 7
