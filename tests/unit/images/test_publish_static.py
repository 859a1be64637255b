"""Static files: those of the last live releases are served, each whole, and those of older ones go."""

from pathlib import Path

import pytest
from publish_static import LISTS, files_of, kept_images, manifest, prune, publish, stale


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    return folder


def image(tmp_path: Path, name: str, **files: str) -> Path:
    """A folder of an image, with files by name; `_` stands for a dot."""
    folder = tmp_path / name
    for file, content in files.items():
        path = folder / "css" / file.replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def published(target: Path) -> set[str]:
    return {name for name in files_of(target) if not name.startswith(LISTS)}


def test_files_of_the_release_before_stay_beside_the_new_ones(tmp_path: Path, target: Path) -> None:
    """Its pages still ask for them."""
    publish(image(tmp_path, "one", site_aaaa_css="a"), target, "web:1")
    told = publish(image(tmp_path, "two", site_bbbb_css="b"), target, "web:2")
    assert published(target) == {"css/site.aaaa.css", "css/site.bbbb.css"}
    assert told["files"] == 1


def test_a_name_without_a_hash_is_what_was_published_last(tmp_path: Path, target: Path) -> None:
    """And nothing is left of the copying."""
    publish(image(tmp_path, "one", site_css="old"), target, "web:1")
    publish(image(tmp_path, "two", site_css="new"), target, "web:2")
    assert (target / "css" / "site.css").read_text() == "new"
    assert published(target) == {"css/site.css"}


def test_a_file_that_is_the_same_is_not_written_again(tmp_path: Path, target: Path) -> None:
    """Nginx goes on with the file that it has open."""
    source = image(tmp_path, "one", site_css="a")
    publish(source, target, "web:1")
    before = (target / "css" / "site.css").stat().st_ino
    publish(source, target, "web:1")
    assert (target / "css" / "site.css").stat().st_ino == before


def test_files_that_no_kept_image_has_are_removed(tmp_path: Path, target: Path) -> None:
    """What two images share stays, and what nobody published too."""
    publish(image(tmp_path, "one", old_css="a", shared_css="s"), target, "web:1")
    publish(image(tmp_path, "two", new_css="b", shared_css="s"), target, "web:2")
    (target / "robots.txt").write_text("put here by hand")
    assert prune(target, {"web:2"}) == ["css/old.css"]
    assert published(target) == {"css/new.css", "css/shared.css", "robots.txt"}
    assert prune(target, {"web:2"}) == []


def test_nothing_is_removed_while_a_kept_image_has_no_list(tmp_path: Path, target: Path) -> None:
    """It may need anything."""
    publish(image(tmp_path, "one", old_css="a"), target, "web:1")
    assert prune(target, {"web:0"}) == []
    assert published(target) == {"css/old.css"}
    assert (target / LISTS / "1.json").exists()


@pytest.mark.parametrize(
    ("lists", "kept", "removed"),
    [
        ({}, set(), []),
        ({"1": ["a"], "2": ["b"]}, {"1", "2"}, []),
        ({"1": ["a", "b"], "2": ["b"]}, {"2"}, ["a"]),
        ({"1": ["a"], "2": ["b"]}, {"3"}, []),
    ],
)
def test_stale_files(lists: dict[str, list[str]], kept: set[str], removed: list[str]) -> None:
    """Those on a list, and on none that is kept."""
    assert stale(lists, kept) == removed


def test_the_images_that_are_kept_are_those_of_the_last_live_releases() -> None:
    """Failed ones do not count, however many; a release that came back counts once."""
    records = [
        {"release": release, "image": f"web:{release}", "result": result}
        for release, result in [("a", "live"), ("b", "live"), ("c", "failed"), ("a", "live"), ("d", "failed")]
    ]
    assert kept_images(records, 1) == {"web:a"}
    assert kept_images(records, 2) == {"web:a", "web:b"}


def test_the_manifest_is_over_names_and_contents(tmp_path: Path) -> None:
    """Either one changes it."""
    seen = {
        manifest(folder, files_of(folder))
        for folder in (
            image(tmp_path, "one", site_css="a"),
            image(tmp_path, "two", site_css="b"),
            image(tmp_path, "three", page_css="a"),
        )
    }
    assert len(seen) == 3
    assert manifest(tmp_path / "one", ["css/site.css"]) in seen
