"""The command line: verbs, flags and exit codes of the CLI; everything else is refused by name."""

import json
from pathlib import Path

import pytest

from engine.cli import VERBS, build_parser
from tests.engine.conftest import Project


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nope"], 1, "invalid choice: 'nope'"),
        (["up", "--nope"], 1, "unknown flag or argument: --nope"),
        (["up", "--policy-pack", "x"], 1, "unknown flag or argument: --policy-pack x"),
        (["stack", "graph"], 1, "invalid choice: 'graph'"),
        (["up"], 2, "--yes or --skip-preview or --preview-only must be passed in"),
        (["destroy"], 2, "must be passed in to proceed when running in non-interactive mode"),
        (["preview", "--stack", "other"], 6, "no stack named 'other' found"),
        (["stack", "select", "other"], 6, "no stack named 'other' found"),
        (["stack", "init", "dev"], 1, "already exists"),
        (["stack", "init"], 1, "missing stack name"),
        (["stack", "init", "a/b"], 1, "belongs to another project"),
        (["stack", "init", "a b"], 1, "only letters, digits"),
        (["config", "get", "nope"], 1, "configuration key 'nope' not found for stack 'dev'"),
        (["stack", "output", "nope"], 1, "does not have output property 'nope'"),
        (["stack", "rm"], 1, "requires --yes"),
        (["stack", "import", "--file", "nope.json"], 1, "import: cannot be read"),
        (["config", "set", "a", "b", "--secret", "--plaintext"], 1, "exclude each other"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_exit_code_of_the_cli(
    project: Project, arguments: list[str], code: int, message: str
) -> None:
    """One line that begins with `error:`, and never a traceback."""
    result = project.run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("error: ")
    assert message in result.err


def test_config_is_set_shown_and_removed(project: Project) -> None:
    """Texts, secrets, and paths into lists."""
    assert project.run("config", "set", "host", "example.org").code == 0
    assert project.run("config", "set", "--secret", "password", "s3cret-pw").code == 0
    assert project.run("config", "set", "--path", "names[0]", "a").code == 0
    assert project.run("config", "set", "--path", "sizes.max", "5").code == 0
    listed = project.run("config").out.splitlines()
    assert listed[0].split() == ["KEY", "VALUE"]
    assert {tuple(line.split()) for line in listed[1:]} == {
        ("host", "example.org"),
        ("names", '["a"]'),
        ("password", "[secret]"),
        ("sizes", '{"max":5}'),
    }
    shown = project.run("config", "--json").json
    assert shown["shop:password"] == {"secret": True}
    assert shown["shop:sizes"] == {"value": '{"max":5}', "objectValue": {"max": 5}, "secret": False}
    assert project.run("config", "ls", "--show-secrets", "--json").json["shop:password"]["value"] == "s3cret-pw"
    assert project.run("config", "get", "--path", "names[0]").out == "a\n"
    assert "s3cret-pw" not in (project.folder / "Pulumi.dev.yaml").read_text()
    assert project.run("config", "rm", "host").code == 0
    assert project.run("config", "get", "host").code == 1


def test_another_configuration_file_can_be_named(project: Project) -> None:
    """As --config-file of the CLI: the tracked file is never touched."""
    before = (project.folder / "Pulumi.dev.yaml").read_bytes()
    (project.folder / "own.yaml").write_text("config:\n  shop:host: a\n")
    assert project.run("config", "set", "--config-file", "own.yaml", "host", "b").code == 0
    assert project.run("config", "get", "--config-file", "own.yaml", "host").out == "b\n"
    assert project.run("stack", "init", "second", "--config-file", "own.yaml").code == 0
    assert (project.folder / "own.yaml").read_text().startswith("encryptionsalt: v1:")
    assert (project.folder / "Pulumi.dev.yaml").read_bytes() == before
    assert not (project.folder / "Pulumi.second.yaml").exists()


def test_stacks_are_listed_selected_and_removed(project: Project) -> None:
    """The selected one is marked, and the file that remembers it is the CLI's own."""
    assert project.run("stack", "init", "prod").code == 0
    assert [(item["name"], item["current"]) for item in project.run("stack", "ls", "--json").json] == [
        ("dev", False),
        ("prod", True),
    ]
    assert project.run("stack", "select", "dev").code == 0
    [workspace] = (project.folder / "home" / "workspaces").iterdir()
    assert json.loads(workspace.read_text())["stacks"].popitem()[1] == "organization/shop/dev"
    assert project.run("stack", "rm", "prod", "--yes").code == 0
    assert "prod" not in project.run("stack", "ls").out
    assert project.run("stack", "select", "--create", "third").code == 0


def test_the_stack_is_chosen_by_flag_variable_or_selection(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Global flags stand before the verb, between its words, or behind it; a flag counts more than PULUMI_STACK."""
    project.run("stack", "init", "other")
    config = ["--config-file", "own.yaml"]
    (project.folder / "own.yaml").write_text("config: {'shop:a': b}\n")
    for words in (
        ["-s", "dev", "config", "get", "a"],
        ["config", "-s", "dev", "get", "a"],
        ["config", "get", "a", "--stack", "dev"],
        ["stack", "--stack", "dev", "output"],
        ["stack", "output", "--stack", "dev", "-C", str(project.folder)],
    ):
        assert project.run(*words, *(config if "config" in words else ())).code == 0, words
        missing = ["nope" if word == "dev" else word for word in words]
        assert project.run(*missing).code == 6, missing
    monkeypatch.setenv("PULUMI_STACK", "nope")
    assert project.run("stack", "output").code == 6
    assert project.run("stack", "output", "--stack", "dev").code == 0


def test_destroy_can_remove_the_stack_as_well(project: Project) -> None:
    """State, history and configuration are gone; the backups stay."""
    project.program("docker.Volume('v', name='v')")
    assert project.run("up", "--yes", "--skip-preview").code == 0
    gone = project.run("destroy", "--yes", "--skip-preview", "--remove")
    assert "history and configuration removed" in gone.out
    assert project.run("stack", "ls", "--json").json == []
    assert not (project.folder / "Pulumi.dev.yaml").exists()
    assert {path.name for path in (project.folder / "backend" / ".pulumi").iterdir()} >= {"backups", "meta.yaml"}
    assert not list((project.folder / "backend").rglob("*.history.json"))


def test_an_exported_state_is_imported_as_it_was(project: Project) -> None:
    """There and back; and into another stack it is refused."""
    project.program("docker.Volume('v', name='v')")
    project.run("up", "--yes", "--skip-preview")
    exported = project.run("stack", "export")
    assert set(exported.json["deployment"]) >= {"manifest", "secrets_providers", "resources"}
    (project.folder / "export.json").write_text(exported.out)
    before = project.resources
    assert project.run("stack", "import", "--file", "export.json").code == 0
    assert project.resources == before
    project.run("stack", "init", "other")
    refused = project.run("stack", "import", "--file", "export.json")
    assert refused.code == 1
    assert "belongs to another project or stack than shop/other" in refused.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as a checkpoint"),
        ("[]", "it is not a JSON object"),
        ('{"version": 4}', "its format is not the one this engine knows"),
        ('{"version": 3, "checkpoint": {"latest": {"resources": [{"urn": "x"}]}}}', "is damaged"),
    ],
)
def test_a_damaged_state_is_refused_and_left_as_it_is(project: Project, content: str, message: str) -> None:
    """The cure stands in the error."""
    project.program("")
    project.state_file.write_text(content)
    refused = project.run("up", "--yes", "--skip-preview")
    assert refused.code == 1
    assert message in refused.err
    assert project.state_file.read_text() == content


def test_a_wrong_passphrase_is_told_before_anything_runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the CLI: even where there is no secret."""
    project.program("")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    refused = project.run("preview")
    assert (refused.code, refused.err) == (1, "error: incorrect passphrase\n")


@pytest.mark.parametrize("url", ["s3://bucket", "https://api.pulumi.com", "azblob://x"])
def test_other_backends_are_refused_by_name(project: Project, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """It has files, here or on a server."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    refused = project.run("preview")
    assert refused.code == 1
    assert f"only file:// and ssh:// are supported by the embedded engine (got '{url}')" in refused.err


def test_the_backend_may_stand_in_the_project_and_be_relative(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the project, not to where the command was started."""
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    with (project.folder / "Pulumi.yaml").open("a") as file:
        file.write("backend: {url: 'file://./own'}\n")
    (project.folder / "own").mkdir()
    assert project.run("stack", "init", "here").code == 0
    assert (project.folder / "own" / ".pulumi" / "stacks" / "shop" / "here.json").exists()
    assert (project.folder / "own" / ".pulumi" / "meta.yaml").read_text() == "version: 1\n"


def test_without_a_project_the_error_says_what_to_do(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a folder that does not exist."""
    (project.folder / "Pulumi.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    assert "no Pulumi.yaml project file found" in project.run("preview").err
    project.folder = tmp_path / "nowhere"
    assert "--cwd: no such folder" in project.run("preview").err


def test_every_verb_has_its_help(project: Project) -> None:
    """And the list of them is the one that the readme names."""
    for name in VERBS:
        with pytest.raises(SystemExit) as caught:
            project.run(*name.split(), "--help")
        assert caught.value.code == 0
    readme = (Path(__file__).parents[2] / "engine" / "README.md").read_text()
    assert [name for name in VERBS if f"`{name}`" not in readme] == []
    assert build_parser().prog == "pulumi"
    assert "embedded" in project.run("version").out
    assert project.run("about", "--json").json["project"] == "shop"
