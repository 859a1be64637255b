"""The documentation says what is in use."""

import re
from pathlib import Path
from typing import Any

import pytest

import config_schema
from drift.catalogue import KINDS, PROGRAM
from policy.judge import violations
from policy.rules import POLICIES
from preflight.catalogue import CHECKS, GATE
from review.rules import RULES
from scripts import configuration_docs
from tests.unit.policy.resources import container
from tests.unit.program import ROOT

IDS = [check.id for check in (*CHECKS, *GATE)]

KEYS = config_schema.declared_keys(ROOT / "Pulumi.yaml")


def test_the_configuration_is_documented_as_it_is() -> None:
    """Every key with type, default, meaning and rule. When this fails, run scripts/docs."""
    assert configuration_docs.TARGET.read_text() == configuration_docs.render()


def test_every_key_is_in_one_section() -> None:
    """Comments in Pulumi.yaml head them."""
    sections = dict(configuration_docs.sections((ROOT / "Pulumi.yaml").read_text()))
    assert [name for names in sections.values() for name in names] == list(KEYS)
    assert "" not in sections
    assert all(sections.values())


def test_every_check_is_documented_once_and_no_other() -> None:
    """Under its id, in the order of the catalogue."""
    text = (ROOT / "docs" / "checks.md").read_text()
    assert re.findall(r"^### (\S+)$", text, re.MULTILINE) == IDS


def test_the_catalogue_has_every_check_that_the_program_makes() -> None:
    """No id is found in the sources that is not in it, and none in it that is not made."""
    sources = [*(ROOT / "preflight").glob("*.py"), ROOT / "images" / "python" / "gate.py"]
    made = {
        check_id
        for file in sources
        if file.name != "catalogue.py"
        for check_id in re.findall(r'"([a-z]+\.[EW]\d{3})"', file.read_text())
    }
    assert sorted(made) == sorted(IDS)


@pytest.mark.parametrize("check_id", IDS)
def test_every_check_has_a_meaning_and_a_cure(check_id: str) -> None:
    """What is wrong in some words, and what to do about it."""
    text = (ROOT / "docs" / "checks.md").read_text()
    section = re.split(r"^##", text.partition(f"### {check_id}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    meaning, _, cure = section.partition("**Cure:** ")
    assert len(meaning.split()) >= 10
    assert cure.strip()


def test_every_kind_of_drift_is_documented_once_and_no_other() -> None:
    """A row each, with its name and cause, in the order of the catalogue."""
    text = (ROOT / "docs" / "drift.md").read_text()
    rows = re.findall(r"^\| (drift\.\w+) \| (.+?) \| (.+?) \| .+ \|$", text, re.MULTILINE)
    assert rows == [(kind.id, kind.name, kind.cause) for kind in (*KINDS, *PROGRAM)]


def test_the_catalogue_has_every_kind_of_drift_that_is_found() -> None:
    """No id is found in the sources that is not in it, and none in it that is not made."""
    sources = [file for file in (ROOT / "drift").glob("*.py") if file.name != "catalogue.py"]
    made = {kind for file in sources for kind in re.findall(r'"(?:drift\.)?([A-Z]\d{3})"', file.read_text())}
    assert {f"drift.{kind}" for kind in made} == {kind.id for kind in (*KINDS, *PROGRAM)}


def test_every_rule_of_a_review_is_documented_once_and_no_other() -> None:
    """In one table, in their order, with what holds when nothing is found."""
    text = (ROOT / "docs" / "review.md").read_text()
    rows = re.findall(r"^\| (review\.\w+) \| (.+) \|$", text, re.MULTILINE)
    assert [rule_id for rule_id, _ in rows] == [rule.id for rule in RULES if rule.id.startswith("review.")]
    assert all(len(meaning.split()) >= 4 for _, meaning in rows)


def test_rules_of_a_review_are_told_apart() -> None:
    """By a letter for their level and a number that is never used twice."""
    own = [rule for rule in RULES if rule.id.startswith("review.")]
    assert all(re.fullmatch(r"review\.[EW]\d{3}", rule.id) for rule in own)
    assert len({rule.id[-3:] for rule in own}) == len(own)


def test_every_policy_is_documented_once_and_no_other() -> None:
    """With what holds and a cure, in their order."""
    text = (ROOT / "docs" / "policies.md").read_text()
    rows = re.findall(r"^\| (policy\.\w+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [policy_id for policy_id, _, _ in rows] == [policy.id for policy in POLICIES]
    assert all(len(words.split()) >= 3 for row in rows for words in row[1:])


def test_the_policy_that_is_shown_as_an_example_works() -> None:
    """As it stands there."""
    text = (ROOT / "docs" / "policies.md").read_text()
    shown: dict[str, Any] = {}
    exec(re.findall(r"^```python\n(.+?)^```$", text, re.MULTILINE | re.DOTALL)[0], shown)  # noqa: S102 - our own text
    large = container(memory_mb=5000)
    [found] = violations([large, container()], "prod", shown["OWN"])
    assert str(found) == f"team.E001 {large}: must have at most 4096 MiB (got 5000). Set its memory."


@pytest.mark.parametrize("file", sorted((ROOT / "docs").glob("*.md")), ids=lambda file: file.name)
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    """To a file of the project, and to a heading of it where one is named."""
    text = file.read_text()
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        document = (file.parent / path) if path else file
        assert document.exists(), f"{file.name} leads to {target}"
        headings = {
            re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-")
            for line in re.findall(r"^#+ (.+)$", document.read_text() if document.suffix == ".md" else "", re.MULTILINE)
        }
        assert not heading or heading in headings, f"{file.name} leads to {target}"


def test_keys_that_the_documents_name_exist() -> None:
    """A key that is renamed is renamed in the documents."""
    named = {
        word
        for file in (ROOT / "docs").glob("*.md")
        for word in re.findall(
            r"`((?:web|gunicorn|postgres|nginx|http|https|site|images|publish|log)[A-Z]\w+)`", file.read_text()
        )
    }
    assert named
    assert named - KEYS.keys() == set()
