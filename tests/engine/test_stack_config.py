"""Pulumi.yaml and Pulumi.<stack>.yaml: what the program gets of them, and how they are edited."""

from pathlib import Path

import pytest

from engine.config import StackConfig, parse_path
from engine.errors import ConfigError, EngineError, UnsupportedError, UsageError
from engine.project import load_project
from engine.secrets import Crypter

PROJECT = """
name: shop
runtime: python
config:
  replicas: {type: integer, default: 2, description: how many}
  host: {type: string}
  tls: {type: boolean, default: false}
  tags: {type: array, items: {type: string}, default: [a, b]}
  password: {type: string, secret: true, default: ""}
  docker:host: unix:///run/docker.sock
"""
SALT = "v1:8sDaNm0NDiE=:v1:/0Kskcmfx7dlO82+:W9oGpDIkRlMWwkTRjWYgWq6Umpzt3g=="
SEALED = "v1:k8n0bLDOQ7oJWWKq:Nse8wXle/NnzBJcKIlxP8pN6NXw3mw=="


def config_of(tmp_path: Path, text: str, project: str = PROJECT) -> StackConfig:
    (tmp_path / "Pulumi.yaml").write_text(project)
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    return StackConfig(tmp_path / "Pulumi.dev.yaml", load_project(tmp_path), "dev")


def test_declared_defaults_reach_the_program_unless_the_stack_sets_the_key(tmp_path: Path) -> None:
    """Values are texts, and JSON for lists and maps."""
    config = config_of(tmp_path, "config:\n  shop:host: example.org\n  shop:replicas: 3\n")
    values = config.values(None)
    config.validate(values)
    assert {key: value.text for key, value in values.items()} == {
        "docker:host": "unix:///run/docker.sock",
        "shop:host": "example.org",
        "shop:password": "",
        "shop:replicas": "3",
        "shop:tags": '["a","b"]',
        "shop:tls": "false",
    }
    assert values["shop:password"].secret


def test_secrets_are_decrypted_at_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value with a secret somewhere inside is secret as a whole."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "abc")
    config = config_of(
        tmp_path, f"config:\n  shop:host:\n    secure: {SEALED}\n  shop:a:\n    b:\n    - secure: {SEALED}\n"
    )
    values = config.values(Crypter(SALT))
    assert (values["shop:host"].text, values["shop:host"].secret) == ("s3cret", True)
    assert (values["shop:a"].text, values["shop:a"].secret) == ('{"b":["s3cret"]}', True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: {}", "Stack 'dev' is missing configuration value 'host'"),
        ("config: {'shop:host': x, 'shop:replicas': many}", "key 'replicas' must be of type 'integer'"),
        ("config: {'shop:host': x, 'shop:tls': 1}", "key 'tls' must be of type 'boolean'"),
        ("config: {'shop:host': x, 'shop:tags': text}", "key 'tags' must be of type 'array'"),
        ("config: {'shop:host': x, 'shop:tags': '[a, b]'}", "key 'tags' must be of type 'array'"),
        ("config: {'shop:host': x, 'shop:tags': '[\"a\"]'}", "key 'tags' must be of type 'array'"),
    ],
)
def test_missing_and_mistyped_values_are_told_as_the_cli_does(tmp_path: Path, text: str, message: str) -> None:
    """The stack, the key and the type stand in the error."""
    config = config_of(tmp_path, text)
    with pytest.raises(ConfigError, match=message):
        config.validate(config.values(None))


@pytest.mark.parametrize(
    ("project", "error", "message"),
    [
        ("name: shop\nruntime: go\n", UnsupportedError, "runtime must be python"),
        ("runtime: python\n", ConfigError, "'name' is missing"),
        ("name: shop\nruntime: python\nplugins: {}\n", UnsupportedError, "'plugins' is not supported"),
        ("name: shop\nruntime: python\nconfig: {a: {type: float}}\n", ConfigError, "unknown type"),
        ("name: shop\nruntime: python\nconfig: {a: {type: integer, default: x}}\n", ConfigError, "default of .* 'a'"),
        ("name: [\n", ConfigError, "cannot be read as YAML"),
    ],
)
def test_a_wrong_project_file_is_refused(tmp_path: Path, project: str, error: type[EngineError], message: str) -> None:
    """By name, and before anything else is read."""
    with pytest.raises(error, match=message):
        config_of(tmp_path, "", project)


@pytest.mark.parametrize("text", ["environment: [prod]\n", "secretsprovider: awskms://x\n"])
def test_other_secrets_providers_are_refused_by_name(tmp_path: Path, text: str) -> None:
    """Only the passphrase is supported."""
    with pytest.raises(UnsupportedError, match="is not supported"):
        config_of(tmp_path, text)


def test_an_edit_keeps_comments_order_and_unknown_keys(tmp_path: Path) -> None:
    """Only the line that changes changes."""
    config = config_of(tmp_path, "# top\nother: 1\nconfig:\n  # why\n  shop:host: a # here\n  shop:z: b\n")
    config.set(["host"], "c")
    config.set(["docker:host"], "unix:///x")
    config.save()
    assert config.path.read_text() == (
        "# top\nother: 1\nconfig:\n  # why\n  shop:host: c # here\n  shop:z: b\n  docker:host: unix:///x\n"
    )


@pytest.mark.parametrize("text", ["8080", "true", "0x10", "a: b", "", "null", "1e3", "2024-01-01", "- x"])
def test_a_text_that_yaml_would_misread_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    """Numbers, dates and the like are quoted."""
    config = config_of(tmp_path, "")
    config.set(["value"], text)
    config.save()
    again = StackConfig(config.path, load_project(tmp_path), "dev")
    assert again.entries["shop:value"] == text


def test_paths_lead_into_lists_and_maps(tmp_path: Path) -> None:
    """They are made where they do not exist, and taken out again."""
    config = config_of(tmp_path, "")
    config.set(parse_path("names[0]"), "a")
    config.set(parse_path("names[1]"), "b")
    config.set(parse_path('outer["in.ner"].leaf'), 5)
    assert config.entries == {"shop:names": ["a", "b"], "shop:outer": {"in.ner": {"leaf": 5}}}
    config.remove(parse_path("names[0]"))
    config.remove(["outer"])
    config.remove(["nothing"])
    assert config.entries == {"shop:names": ["b"]}


@pytest.mark.parametrize("path", ["", "[0]", "a[", "a..b", "a[x]"])
def test_a_wrong_path_is_refused(path: str) -> None:
    """The error shows it."""
    with pytest.raises(UsageError, match="configuration path"):
        parse_path(path)


def test_an_index_beyond_the_end_is_refused(tmp_path: Path) -> None:
    """A list has no holes."""
    config = config_of(tmp_path, "config: {'shop:a': [1]}")
    with pytest.raises(UsageError, match="beyond the list's end"):
        config.set(parse_path("a[5]"), "x")


def test_a_date_that_nobody_quoted_is_the_text_that_stands_there(tmp_path: Path) -> None:
    """And quotes stay as they were when another line is edited."""
    text = "config:\n  shop:day: 2001-01-01\n  shop:a: 'x'\n  shop:b: \"2\"\n"
    config = config_of(tmp_path, text)
    assert config.values(None)["shop:day"].text == "2001-01-01"
    config.set(["c"], "d")
    config.save()
    assert config.path.read_text() == text + "  shop:c: d\n"
