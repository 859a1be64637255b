"""Pinning: what is resolved, what is left, what is said, and that a failure writes nothing."""

import argparse
import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from operations import pin
from operations.errors import OperationError
from operations.pin import pinned, report, settings_of
from operations.registry import EngineRegistry, RegistryError, _first_line
from tests.unit.operations.clones import Clone
from tests.unit.program import ROOT

OLD, NEW = ("sha256:" + digit * 64 for digit in "01")

FROM_REGISTRY = {"imagesFrom": "registry"}


class FakeRegistry:
    """Knows some images."""

    def __init__(self, **digests: str) -> None:
        self.digests = digests
        self.asked: list[str] = []

    def digest(self, name: str) -> str:
        self.asked.append(name)
        if name.partition(":")[0] not in self.digests:
            raise RegistryError("manifest unknown")
        return self.digests[name.partition(":")[0]]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("image", "asked", "result"),
    [
        ("python:3.13", "python:3.13", f"python:3.13@{NEW}"),
        ("python", "python:latest", f"python:latest@{NEW}"),
        (f"python:3.13@{OLD}", "python:3.13", f"python:3.13@{NEW}"),
        (f"python:3.13@{NEW}", "python:3.13", f"python:3.13@{NEW}"),
        (f"python@{OLD}", "", f"python@{OLD}"),
    ],
)
def test_a_tag_is_resolved_to_what_it_is_now(image: str, asked: str, result: str) -> None:
    """Again if it was pinned before; a digest without a tag says exactly what it wants."""
    registry = FakeRegistry(python=NEW)
    assert pinned({"pythonImage": image}, registry) == {"pythonImage": result}
    assert registry.asked == ([asked] if asked else [])


def test_a_port_is_no_tag() -> None:
    """Of a registry's own address."""
    registry = FakeRegistry(localhost=NEW)
    pinned({"a": "localhost:5000/team/nginx", "b": f"localhost:5000/nginx@{OLD}"}, registry)
    assert registry.asked == ["localhost:5000/team/nginx:latest"]


def test_all_that_cannot_be_resolved_is_told_together() -> None:
    """Each with its key, the name that was asked for and the reason; then what to do."""
    images = {"pythonImage": "python:3.13", "postgresImage": "postgres:17", "nginxImage": "nginx:1.28"}
    with pytest.raises(OperationError) as error:
        pinned(images, FakeRegistry(postgres=NEW))
    assert str(error.value).splitlines() == [
        "pythonImage: python:3.13 must be in its registry, and within reach (got manifest unknown).",
        "  nginxImage: nginx:1.28 must be in its registry, and within reach (got manifest unknown).",
        (
            "  Nothing was written. Correct the name or the tag, run `docker login` if the registry asks for it,"
            " or check the Docker Engine's way to it."
        ),
    ]


def test_the_report_says_what_changed_and_where() -> None:
    """And what to run next."""
    before = {"a": "x:1", "b": f"y:1@{OLD}", "c": ""}
    after = {"a": f"x:1@{NEW}", "b": f"y:1@{OLD}", "c": "2026-11-30"}
    assert report(before, after, where="Pulumi.prod.yaml").splitlines() == [
        f"a: x:1@{NEW} (was x:1)",
        f"b: y:1@{OLD} (as it was)",
        "c: 2026-11-30 (was not set)",
        "Written to Pulumi.prod.yaml. See what it would change: ./pulumiw preview",
    ]
    assert report(before, before, where="x").endswith("\nNothing to write.")


def test_defaults_are_those_of_the_project_file() -> None:
    """Where the stack says nothing, its image is Pulumi.yaml's."""
    found = settings_of({"shop:nginxImage": "nginx:1.29"}, project="shop", project_file=ROOT / "Pulumi.yaml")
    assert found["nginxImage"] == "nginx:1.29"
    assert found["pythonImage"].startswith("python:")
    assert (found["imagesFrom"], found["packagesDate"]) == ("registry", "")


def test_an_image_that_is_no_reference_is_refused_by_the_configs_own_rule() -> None:
    """Before anything is asked."""
    with pytest.raises(OperationError, match="nginxImage: must be an image reference"):
        settings_of({"shop:nginxImage": "Not an image"}, project="shop", project_file=ROOT / "Pulumi.yaml")


# The command


def run(clone: Clone, monkeypatch: pytest.MonkeyPatch, registry: Any, stack: str = "prod") -> int:
    """`./ops pin` in a clone, with this registry."""
    clone.enter(monkeypatch)
    monkeypatch.setattr(pin, "EngineRegistry", lambda _: registry)
    return pin.run(argparse.Namespace(stack=stack))


ALL = FakeRegistry(python=NEW, postgres=NEW, nginx=NEW)


def test_digests_are_written_into_the_stacks_config(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three lines more, and every other line as it was."""
    before = clone.config("prod").read_text().splitlines()
    assert run(clone, monkeypatch, ALL) == 0
    after = clone.config("prod").read_text().splitlines()
    assert [line for line in before if line not in after] == []
    assert [line for line in after if line not in before] == [
        f"  django-stack:pythonImage: python:3.13-slim-trixie@{NEW}",
        f"  django-stack:postgresImage: postgres:17-trixie@{NEW}",
        f"  django-stack:nginxImage: nginx:1.28-trixie@{NEW}",
    ]


def test_pinning_twice_writes_once(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second time there is nothing to write."""
    run(clone, monkeypatch, ALL)
    once = clone.config("prod").read_text()
    run(clone, monkeypatch, ALL)
    assert clone.config("prod").read_text() == once
    assert capsys.readouterr().out.endswith("Nothing to write.\n")


@pytest.mark.parametrize("known", [{}, {"python": NEW}, {"python": NEW, "postgres": NEW}])
def test_a_failure_writes_nothing(clone: Clone, monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> None:
    """Not even what could be resolved."""
    before = clone.config("prod").read_text()
    with pytest.raises(OperationError):
        run(clone, monkeypatch, FakeRegistry(**known))
    assert clone.config("prod").read_text() == before


def test_a_stack_without_a_config_is_refused(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip of the pen makes no new file."""
    with pytest.raises(OperationError, match=r"stack prood: Pulumi\.prood\.yaml must be there \(got no such file\)\. "):
        run(clone, monkeypatch, ALL, stack="prood")
    assert not clone.config("prood").exists()


def test_dev_is_pinned_for_this_clone_alone(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tracked config stays clean, as with every other value of dev."""
    before = clone.config("dev").read_text()
    run(clone, monkeypatch, ALL, stack="dev")
    assert clone.config("dev").read_text() == before
    assert f"postgres:17-trixie@{NEW}" in (clone.path / ".local" / "dev.yaml").read_text()


def test_debian_images_are_pinned_by_date(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of today, in UTC, as the text that the config's rule takes; no registry is asked."""
    with clone.config("prod").open("a") as file:
        file.write("  django-stack:imagesFrom: debian\n")
    registry = FakeRegistry()
    days = [datetime.now(tz=UTC).date().isoformat()]
    run(clone, monkeypatch, registry)
    days.append(datetime.now(tz=UTC).date().isoformat())
    last = clone.config("prod").read_text().splitlines()[-1]
    assert last in [f'  django-stack:packagesDate: "{day}"' for day in days]
    assert registry.asked == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_does_not_answer_is_the_reason(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And nothing is written."""
    clone.enter(monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    before = clone.config("prod").read_text()
    with pytest.raises(OperationError, match=r"host\.E001 Docker: an engine must answer .* Nothing was written\."):
        pin.run(argparse.Namespace(stack="prod"))
    assert clone.config("prod").read_text() == before
    gc.collect()  # the socket that the Docker SDK leaves open when it cannot connect


def test_an_answer_without_a_digest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a registry says instead."""

    class Engine:
        def inspect_distribution(self, _: str) -> dict[str, Any]:
            return {"Descriptor": {"digest": "md5:1"}}

    monkeypatch.setattr("operations.registry.connect", lambda _: Engine())
    with pytest.raises(RegistryError, match="the answer holds no digest"):
        EngineRegistry().digest("a:1")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("errors:\nmanifest unknown: manifest unknown\n", "manifest unknown: manifest unknown"),
        ("\nunauthorized: authentication required", "unauthorized: authentication required"),
        ("", "no reason was given"),
    ],
)
def test_a_registrys_reason_is_one_line(text: str, line: str) -> None:
    """The headline over it is left out."""
    assert _first_line(text) == line
