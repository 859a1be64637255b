"""The whole program under mocks: what it declares, under which names, and where its secrets go."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.unit.goldens import expect
from tests.unit.program import SECRETS, committed, declare
from tests.unit.recording import Declarations, Secret


def tree(declarations: Declarations, parent: str = "", depth: int = 0) -> Iterator[str]:
    """One line for every resource, under its parent: type token, logical name, physical name, options."""
    for key, declared in sorted(declarations.all.items(), key=lambda item: without_hashes(item[0])):
        if declared.parent == parent:
            physical = declared.inputs.get("name") or declared.inputs.get("imageName") or ""
            options = {
                "protected": declared.protect,
                "retained": declared.retain_on_delete,
                f"ignores {' '.join(declared.ignore_changes)}": bool(declared.ignore_changes),
            }
            words = [
                declared.type,
                declared.name,
                physical and f"= {physical}",
                *(o for o, on in options.items() if on),
            ]
            yield "  " * depth + " ".join(word for word in words if word)
            yield from tree(declarations, key, depth + 1)


def without_hashes(text: str) -> str:
    """Hashes of content, releases and configurations by name, so that the inventory changes with the program alone."""
    text = re.sub(r":[0-9a-f]{12}\b", ":<content>", text)
    return re.sub(r"-[0-9a-f]{10}\b", "-<hash>", text)


def test_the_inventory_of_the_dev_stack(dev: Declarations) -> None:
    """Every resource by type, name and parent: what a rename or a move would break, and what nobody should miss."""
    expect("dev-inventory.txt", without_hashes("\n".join(tree(dev))) + "\n")


def test_the_outputs_of_the_stack(stacks: dict[str, Declarations]) -> None:
    """Where the site is, and which release it runs."""
    for declarations in stacks.values():
        assert declarations.exports.keys() == {"url", "release"}
        assert declarations.exports["release"] == declarations.all["Gunicorn web"].outputs["release"]
    assert stacks["dev"].exports["url"] == "http://localhost:8080"


def test_two_runs_declare_the_same(dev: Declarations) -> None:
    """Nothing depends on time, chance or order, so a second `up` has nothing to do."""
    again = declare(committed("dev"))
    assert again.changed(dev) == set()
    assert again.exports == dev.exports


def test_every_component_registers_outputs(dev: Declarations) -> None:
    """A component without outputs would be an empty box in the state."""
    boxes = [declared for declared in dev.all.values() if declared.type.startswith("django-stack:index:")]
    assert {box.short_type for box in boxes} == {
        "AppImage",
        "Gunicorn",
        "Networks",
        "Nginx",
        "Postgres",
        "Release",
        "SecretFiles",
        "SiteVolumes",
        "StackImages",
    }
    assert [box.name for box in boxes if not box.outputs] == []


def test_every_resource_belongs_to_a_component(dev: Declarations) -> None:
    """Only components stand directly under the stack."""
    assert [key for key, each in dev.all.items() if not each.parent and not each.type.startswith("django-stack:")] == []


def test_every_physical_name_begins_with_the_stack(stacks: dict[str, Declarations]) -> None:
    """So dev and prod can live on one engine. Base images alone are everybody's."""
    for stack, declarations in stacks.items():
        names = [
            declared.inputs.get("name") or declared.inputs["imageName"]
            for declared in declarations.all.values()
            if declared.short_type in ("Container", "Image", "Network", "Volume")
        ]
        assert len(names) > 15
        assert [name for name in names if not str(name).startswith(f"shop-{stack}")] == []


def test_two_stacks_share_no_physical_name(stacks: dict[str, Declarations]) -> None:
    """Not one."""
    names = [
        {
            str(each.inputs["name"])
            for each in stack.all.values()
            if each.short_type in ("Container", "Network", "Volume")
        }
        for stack in stacks.values()
    ]
    assert names[0] & names[1] == set()


# Secrets


def secret_places(value: Any, place: str) -> Iterator[str]:
    """Where a secret's text is in the inputs of a resource; marked says whether the program marked it."""
    if isinstance(value, Secret):
        yield from (f"{found} (marked)" for found in secret_places(value.value, place))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from secret_places(key, place)
            yield from secret_places(item, f"{place}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from secret_places(item, place)
    elif any(secret in str(value) for secret in SECRETS.values()):
        yield place


def test_secrets_reach_containers_by_standard_input_alone(stacks: dict[str, Declarations]) -> None:
    """Marked as secret there; in no environment, label, command, name or output."""
    for declarations in stacks.values():
        places = {
            found
            for key, declared in declarations.all.items()
            for part in (declared.inputs, declared.outputs)
            for found in secret_places(dict(part), key)
        }
        assert places == {"Command secrets-1-write.stdin (marked)", "Command postgres-site.stdin (marked)"}
        assert [key for key in declarations.all if any(secret in key for secret in SECRETS.values())] == []
        assert list(secret_places(declarations.exports, "exports")) == []


def test_both_secrets_are_written_as_files(dev: Declarations) -> None:
    """One JSON text with a file name for each."""
    written = json.loads(dev.all["Command secrets-1-write"].inputs["stdin"].value)
    assert written == {
        "django_secret_key": SECRETS["djangoSecretKey"],
        "database_password": SECRETS["databasePassword"],
    }


def test_the_database_is_told_a_password_only_after_it_has_been_written(dev: Declarations) -> None:
    """The writer refuses one that has changed under its version, and the site that runs goes on with its own."""
    assert "Command secrets-1-write" in dev.all["Postgres postgres"].depends_on


def test_a_new_secret_changes_no_name(dev: Declarations) -> None:
    """Nothing is named after a secret, not even by a hash: only what is fed with it differs."""
    other = declare(committed("dev"), secrets=SECRETS | {"databasePassword": "pass-Xc4Vb9Nm2Qw7Er5Ty1Ui8"})
    assert other.changed(dev) == {"Command secrets-1-write", "Command postgres-site"}


def test_a_new_version_of_secrets_is_a_new_volume_and_a_new_release(dev: Declarations) -> None:
    """The old containers keep the old files; PostgreSQL itself stays."""
    after = declare(committed("dev") | {"secretsVersion": 2})
    changed = after.changed(dev)
    assert after.exports["release"] != dev.exports["release"]
    assert {"Volume secrets-2", "Command secrets-2-write", "Command postgres-site"} <= changed
    assert not {key for key in changed if key.startswith(("Container postgres", "Container nginx", "Network"))}


def test_secrets_of_releases_that_may_come_back_are_kept() -> None:
    """Their volumes, as many as there are releases; none is written anew."""
    declarations = declare({"secretsVersion": 7, "keepReleases": 3})
    names = {volume.name for volume in declarations.of("Volume") if volume.name.startswith("secrets-")}
    assert names == {"secrets-5", "secrets-6", "secrets-7"}
    writers = [step.name for step in declarations.of("Command") if step.name.startswith("secrets-")]
    assert writers == ["secrets-7-write"]


def test_a_preview_without_secrets_declares_the_same(dev: Declarations) -> None:
    """But for what is fed with secrets, so that a review shows what would happen."""
    preview = declare(committed("dev"), secrets={}, preview=True)
    assert preview.changed(dev) == {"Command secrets-1-write", "Command postgres-site"}
