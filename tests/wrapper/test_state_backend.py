"""Where the state lies, and which stack is selected there."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from wrapper.backend import choose, logged_in
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
