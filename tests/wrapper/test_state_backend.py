"""Where the state lies, and which stack is selected there."""

import gzip
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wrapper.arguments import parse
from wrapper.backend import choose, logged_in
from wrapper.engine_choice import Engine
from wrapper.errors import WrapperError
from wrapper.project import (
    Project,
    find_folder,
    has_resources,
    load,
    plain_stack,
    selected_stack,
    state_file,
    state_salt,
)
from wrapper.record import Record, look
from wrapper.session import Session, begin

HERE = Path("/clone")


@pytest.mark.parametrize(
    ("variable", "project_url", "has_stack", "login", "url"),
    [
        ("s3://bucket", "file:///p", True, "https://cloud", "s3://bucket"),
        ("", "file:///p", True, "https://cloud", "file:///p"),
        ("", "", True, "https://cloud", "file:///clone/.state"),
        ("", "", False, "https://cloud", "https://cloud"),
        ("", "", False, "", "file:///clone/.state"),
    ],
)
def test_first_backend_that_applies_is_chosen(
    variable: str, project_url: str, has_stack: bool, login: str, url: str
) -> None:
    """Variable, project file, a state that is there, login, default."""
    chosen = choose(
        variable=variable,
        project_url=project_url,
        default=HERE / ".state",
        default_has_stack=has_stack,
        logged_in=login,
        cwd=HERE,
    )

    assert chosen.url == url
    assert chosen.is_default is (url == "file:///clone/.state")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///x/y", "/x/y"),
        ("file://./y?no_tmp_dir=true", "/clone/y"),
        ("file://~/y", str(Path.home() / "y")),
        ("https://cloud", None),
    ],
)
def test_folder_of_a_file_backend_is_found_as_the_cli_finds_it(url: str, folder: str | None) -> None:
    """The URL itself stays as it was written: the selected stack is remembered under it."""
    chosen = choose(variable=url, project_url="", default=HERE, default_has_stack=False, logged_in="", cwd=HERE)

    assert chosen.url == url
    assert chosen.folder == (Path(folder) if folder else None)


@pytest.mark.parametrize(
    ("url", "on_server", "has_files"),
    [("file:///x", False, True), ("ssh://deploy@host/x", True, True), ("s3://x", False, False)],
)
def test_stacks_are_files_here_or_on_a_server(url: str, on_server: bool, has_files: bool) -> None:
    """Then what a stack lacks is made by the wrapper."""
    chosen = choose(variable=url, project_url="", default=HERE, default_has_stack=False, logged_in="", cwd=HERE)

    assert (chosen.on_server, chosen.has_files) == (on_server, has_files)
    chosen.require(Engine(kind="embedded", reason="it is wanted"))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], Session]:
    """A session of a stack `prod` on a server, whose engine lists the stacks with this exit code and output."""
    (tmp_path / "Pulumi.yaml").write_text("name: site\nruntime: python\n")

    def begun(code: int, out: str) -> Session:
        done = subprocess.CompletedProcess([], code, stdout=out, stderr="ssh://host: cannot be reached (why). Do that.")
        monkeypatch.setattr("wrapper.handover.Runner.ask", lambda *_, **__: done)
        environment = {"PULUMI_BACKEND_URL": "ssh://host/srv", "HOME": str(tmp_path)}
        engine = Engine(kind="embedded", reason="it is wanted")
        call = parse(["up", "--stack", "prod"])
        return begin(call, root=tmp_path, engine=engine, folder=tmp_path, environment=environment)

    return begun


@pytest.mark.parametrize(
    ("listed", "record"),
    [
        ([{"name": "organization/site/prod", "resourceCount": 3}], Record(has_resources=True)),
        ([{"name": "prod"}], Record(has_resources=False)),
        ([{"name": "dev", "resourceCount": 3}], None),
        ([], None),
    ],
)
def test_a_record_on_a_server_is_asked_of_the_engine(
    session: Callable[[int, str], Session], listed: list[dict[str, object]], record: Record | None
) -> None:
    """Whether there is a stack, and whether it has anything."""
    assert look(session(0, json.dumps(listed))) == record


def test_a_server_out_of_reach_is_told_in_the_engines_words(session: Callable[[int, str], Session]) -> None:
    """They have the cure."""
    with pytest.raises(
        WrapperError, match=r"stack prod: .* listed\.\nssh://host: cannot be reached \(why\)\. Do that\."
    ):
        look(session(1, ""))


def test_login_is_read_from_where_the_cli_keeps_it(tmp_path: Path) -> None:
    """PULUMI_HOME counts, an access token counts as a login to come, and nothing is nothing."""
    assert not logged_in({"PULUMI_HOME": str(tmp_path)})
    assert logged_in({"PULUMI_HOME": str(tmp_path), "PULUMI_ACCESS_TOKEN": "x"}) == "https://api.pulumi.com"
    (tmp_path / "credentials.json").write_text('{"current": "file://~"}')
    assert logged_in({"PULUMI_HOME": str(tmp_path)}) == "file://~"


def test_nearest_project_file_counts_and_the_clone_is_the_last_resort(tmp_path: Path) -> None:
    """As the CLI walks up; called from anywhere else, the wrapper is about its own clone."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_folder(cwd=inner, root=HERE) == HERE
    (tmp_path / "a" / "Pulumi.yaml").write_text("name: x")
    assert find_folder(cwd=inner, root=HERE) == tmp_path / "a"


@pytest.mark.parametrize("text", ["", "runtime: python", "- a", "name: [", "name: x\nbackend: text"])
def test_a_broken_project_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it."""
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(WrapperError, match="is not a Pulumi project file"):
        load(tmp_path)


def test_project_file_is_read_with_the_full_names_of_its_keys(tmp_path: Path) -> None:
    """Name, backend and config keys."""
    (tmp_path / "Pulumi.yaml").write_text("name: x\nbackend: {url: s3://b}\nconfig: {a: {type: string}, aws:b: c}")
    project = load(tmp_path)

    assert (project.name, project.backend_url) == ("x", "s3://b")
    assert project.keys == {"x:a", "aws:b"}


def test_selected_stack_is_read_from_the_workspace_of_the_cli(tmp_path: Path) -> None:
    """Per backend, by the hash of the project file's path; the old form counts for every backend."""
    project = Project(folder=HERE, name="site", backend_url="", keys=frozenset())
    digest = hashlib.sha1(b"/clone/Pulumi.yaml", usedforsecurity=False).hexdigest()
    file = tmp_path / "workspaces" / f"site-{digest}-workspace.json"
    assert not selected_stack(project, home=tmp_path, url="file:///a")
    file.parent.mkdir()
    file.write_text(json.dumps({"stacks": {"file:///a": "organization/site/prod"}}))
    assert selected_stack(project, home=tmp_path, url="file:///a") == "prod"
    assert not selected_stack(project, home=tmp_path, url="file:///b")
    file.write_text('{"stack": "old"}')
    assert selected_stack(project, home=tmp_path, url="file:///b") == "old"


@pytest.mark.parametrize(("name", "plain"), [("dev", "dev"), ("organization/site/dev", "dev"), ("", "")])
def test_stack_has_a_plain_name(name: str, plain: str) -> None:
    """Without its owner and project."""
    assert plain_stack(name) == plain


def test_state_of_a_stack_is_found_plain_or_compressed(tmp_path: Path) -> None:
    """As the CLI writes it."""
    folder = tmp_path / ".pulumi" / "stacks" / "site"
    folder.mkdir(parents=True)
    assert state_file(tmp_path, project="site", stack="dev") is None
    (folder / "dev.json.gz").write_bytes(gzip.compress(_checkpoint(resources=[{}])))
    found = state_file(tmp_path, project="site", stack="dev")
    assert found == folder / "dev.json.gz"
    assert has_resources(found)
    (folder / "dev.json").write_bytes(_checkpoint(resources=[]))
    plain = state_file(tmp_path, project="site", stack="dev")
    assert plain == folder / "dev.json"
    assert not has_resources(plain)
    assert state_salt(plain) == "v1:salt"


def test_a_state_that_cannot_be_read_counts_as_deployed(tmp_path: Path) -> None:
    """Nothing is decided anew about it; the engine says what is wrong."""
    file = tmp_path / "dev.json"
    file.write_text('{"checkpoint": {"latest"')

    assert has_resources(file)
    assert not state_salt(file)


def _checkpoint(*, resources: list[object]) -> bytes:
    provider = {"type": "passphrase", "state": {"salt": "v1:salt"}}
    latest = {"secrets_providers": provider, "resources": resources}
    return json.dumps({"version": 3, "checkpoint": {"latest": latest}}).encode()
