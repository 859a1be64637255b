"""Stack configs as texts: edited so that all else stays as it is."""

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.config_text import values, with_values, write_whole
from operations.errors import OperationError
from tests.unit.program import ROOT

TEXT = """\
# Production.
encryptionsalt: v1:abc:v1:def  # made by the engine
config:
  # how many
  shop:webReplicas: 4  # two for each server
  shop:siteHosts: [www.example.com, example.com]
  shop:environment:
    A: 'yes'
    B: "2"
  shop:djangoSecretKey:
    secure: v1:{long}
  docker:host: ssh://deploy@server
""".replace("{long}", "x" * 300)


def test_a_value_is_changed_in_its_place_and_nothing_else() -> None:
    """Comments, order, quotes and long lines stay."""
    assert with_values(TEXT, {"shop:webReplicas": 5}) == TEXT.replace("Replicas: 4 ", "Replicas: 5 ")


def test_a_new_value_goes_to_the_end() -> None:
    """Of the config."""
    assert with_values(TEXT, {"shop:nginxImage": "nginx:1.28"}) == TEXT + "  shop:nginxImage: nginx:1.28\n"


def test_setting_what_is_set_changes_nothing() -> None:
    """Not one byte."""
    assert with_values(TEXT, {"shop:webReplicas": 4, "docker:host": "ssh://deploy@server"}) == TEXT


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_committed_configs_survive_an_edit(stack: str) -> None:
    """They are written as the editor writes, so an edit is one line of difference."""
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    before, after = text.splitlines(), with_values(text, {"django-stack:packagesDate": "2026-11-30"}).splitlines()
    assert [line for line in after if line not in before] == ['  django-stack:packagesDate: "2026-11-30"']
    assert len(after) == len(before) + 1


@pytest.mark.parametrize(
    "text", ["2026-11-30", "5", "1.5", "true", "no", "null", "", "a: b", "# c", "nginx:1@sha256:0"]
)
def test_a_text_stays_a_text(text: str) -> None:
    """Quoted where YAML would take it for something else."""
    written = with_values("config: {}\n", {"shop:key": text})
    assert yaml.safe_load(written) == {"config": {"shop:key": text}}


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "config:\n", "encryptionsalt: v1:a\n"])
def test_a_config_that_is_empty_gets_its_first_value(text: str) -> None:
    """As for a stack that has just been made."""
    written = with_values(text, {"shop:a": "b"})
    assert yaml.safe_load(written)["config"] == {"shop:a": "b"}
    assert text.replace("config:\n", "") in written


@pytest.mark.parametrize("text", ["[1]", "just text", "config: [1]", "config: text"])
def test_what_is_no_stack_config_is_refused(text: str) -> None:
    """Reading and writing alike."""
    for call in (lambda: values(text, project="shop"), lambda: with_values(text, {"shop:a": "b"})):
        with pytest.raises(OperationError, match=r"must be a map with a map under `config`\. Mend the file\."):
            call()


def test_what_is_no_yaml_is_refused() -> None:
    """With the place where it breaks."""
    for call in (lambda: values("a: [", project="shop"), lambda: with_values("a: [", {"shop:a": "b"})):
        with pytest.raises(OperationError, match=r"(?s)cannot be read as YAML \(.*line 1"):
            call()


def test_values_are_read_by_full_key() -> None:
    """With or without the project's name before them, as the engines take them."""
    found: dict[str, Any] = values("config:\n  a: 1\n  shop:b: [x]\n  docker:host: y\n", project="shop")
    assert found == {"shop:a": 1, "shop:b": ["x"], "docker:host": "y"}
    assert values("", project="shop") == {}


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    """No temporary file is left beside it."""
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text("old")
    path.chmod(0o640)
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_not_there_is_made(tmp_path: Path) -> None:
    """For a stack without a config."""
    write_whole(tmp_path / "Pulumi.new.yaml", "new")
    assert (tmp_path / "Pulumi.new.yaml").read_text() == "new"
