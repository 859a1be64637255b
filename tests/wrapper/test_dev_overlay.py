"""The config of dev: the tracked file, and this clone's own values over it."""

import stat
from pathlib import Path

import pytest
import yaml

from wrapper import overlay
from wrapper.dev_config import DevConfig, applies
from wrapper.errors import WrapperError
from wrapper.project import Project

TRACKED = """\
# A developer's own machine.
config:
  site:port: 8080
  site:hosts:
    - a
    - b
"""


def test_overlay_wins_and_the_rest_stays() -> None:
    """Key by key, at the top and under config."""
    merged = overlay.merge(TRACKED, "encryptionsalt: v1:x\nconfig:\n  site:port: 9000\n  site:new:\n    secure: v1:y\n")

    assert yaml.safe_load(merged) == {
        "encryptionsalt": "v1:x",
        "config": {"site:port": 9000, "site:hosts": ["a", "b"], "site:new": {"secure": "v1:y"}},
    }


@pytest.mark.parametrize(
    "scalar", ["yes", "0755", "1:30", "'8080'", "8080", "1e3", "~", '"a: b"', "2024-01-01", "null"]
)
def test_no_scalar_changes_its_meaning(scalar: str) -> None:
    """YAML dialects read some plain words differently, so each stays as it was written."""
    merged = overlay.merge(f"config:\n  a:b: {scalar}\n", "config:\n  a:c: d\n")

    kept = merged.split("a:b: ", 1)[1].split("\n", 1)[0].strip().replace('"', "'")
    assert kept == scalar.replace('"', "'")


def test_long_ciphertexts_are_not_folded() -> None:
    """Not even by the width of a page."""
    secret = "v1:" + "x" * 3000

    assert secret in overlay.merge("", f"config:\n  a:b:\n    secure: {secret}\n")


def test_null_in_the_overlay_takes_a_key_away() -> None:
    """So that a key can be unset on one clone."""
    assert yaml.safe_load(overlay.merge(TRACKED, "config:\n  site:port: null\n")) == {
        "config": {"site:hosts": ["a", "b"]}
    }


def test_what_an_engine_sets_goes_to_the_overlay() -> None:
    """New keys, changed ones, and the salt; not what it left alone."""
    found = overlay.merge(TRACKED, "encryptionsalt: v1:x\nconfig:\n  site:port: 1\n  site:new: n\n")

    own = overlay.absorb(tracked=TRACKED, overlay="", given=overlay.merge(TRACKED, ""), found=found)

    assert yaml.safe_load(own) == {"encryptionsalt": "v1:x", "config": {"site:port": 1, "site:new": "n"}}


def test_a_value_set_back_to_the_tracked_one_leaves_the_overlay() -> None:
    """There is nothing local about it any more."""
    given = overlay.merge(TRACKED, "config:\n  site:port: 1\n")

    assert not overlay.absorb(tracked=TRACKED, overlay="config:\n  site:port: 1\n", given=given, found=TRACKED)


def test_removing_a_local_value_brings_the_tracked_one_back_and_removing_that_hides_it() -> None:
    """Two removals, two meanings, in this order."""
    own = "config:\n  site:port: 1\n"
    without = overlay.merge(TRACKED, "config:\n  site:port: null\n")

    once = overlay.absorb(tracked=TRACKED, overlay=own, given=overlay.merge(TRACKED, own), found=without)
    twice = overlay.absorb(tracked=TRACKED, overlay=once, given=overlay.merge(TRACKED, once), found=without)

    assert overlay.same(overlay.merge(TRACKED, once), TRACKED)
    assert overlay.same(overlay.merge(TRACKED, twice), without)


def test_formatting_is_no_change() -> None:
    """Engines write YAML in their own way."""
    assert overlay.same(TRACKED, "config: {'site:port': 8080, 'site:hosts': [a, b]}")
    assert not overlay.same(TRACKED, TRACKED.replace("8080", "'8080'"))


@pytest.mark.parametrize("content", [b"a: [", b"- a", b"text", b"a: \xff"])
def test_config_that_is_none_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    """Whichever of the files it is."""
    dev = _dev(tmp_path)
    dev.tracked.write_bytes(content)

    with pytest.raises(WrapperError, match=r"Pulumi\.dev\.yaml: is no stack config \("):
        dev.settle()


@pytest.mark.parametrize(
    ("stack", "file_backend", "tracked", "expected"),
    [
        ("dev", True, TRACKED, True),
        ("dev", True, "", True),
        ("prod", True, TRACKED, False),
        ("dev", False, TRACKED, False),
        ("dev", True, "encryptionsalt: v1:x", False),
        ("dev", True, "secretsprovider: awskms://k", False),
    ],
)
def test_only_a_dev_of_this_clone_has_an_overlay(stack: str, file_backend: bool, tracked: str, expected: bool) -> None:
    """Not other stacks, not shared backends, not a dev whose secrets are tracked."""
    assert applies(stack=stack, file_backend=file_backend, tracked=tracked) is expected


def _dev(folder: Path) -> DevConfig:
    (folder / "Pulumi.dev.yaml").write_text(TRACKED)
    return DevConfig(Project(folder=folder, name="site", backend_url="", keys=frozenset()))


def test_what_an_engine_leaves_behind_is_taken_in_at_the_next_call(tmp_path: Path) -> None:
    """Also when nobody waited for it to end."""
    dev = _dev(tmp_path)
    dev.settle()
    dev.merged.write_text(overlay.with_config(dev.merged.read_text(), "site:port", "1"))

    text = dev.settle()

    assert overlay.value_of(text, "site:port") == "1"
    assert yaml.safe_load(dev.overlay.read_text()) == {"config": {"site:port": "1"}}
    assert dev.tracked.read_text() == TRACKED


def test_changes_of_the_tracked_file_come_through(tmp_path: Path) -> None:
    """The overlay holds what is local and nothing else."""
    dev = _dev(tmp_path)
    dev.keep("site:own", "x")
    dev.settle()
    dev.tracked.write_text(TRACKED.replace("8080", "8081"))

    text = dev.settle()

    assert overlay.value_of(text, "site:port") == "8081"
    assert overlay.value_of(text, "site:own") == "x"
    assert "site:port" not in dev.overlay.read_text()


def test_a_crash_between_the_two_writes_makes_nothing_local(tmp_path: Path) -> None:
    """The merged file is written before the note of what was given."""
    dev = _dev(tmp_path)
    dev.settle()
    dev.tracked.write_text(TRACKED.replace("8080", "8081"))
    dev.merged.write_text(overlay.merge(dev.tracked.read_text(), ""))

    dev.settle()

    assert not overlay.has(dev.overlay.read_text(), "site:port")


def test_secrets_are_for_their_owner_alone_and_never_in_git(tmp_path: Path) -> None:
    """0600 in a folder of 0700 that ignores itself."""
    dev = _dev(tmp_path)
    variables = dev.ready_passphrase({})
    dev.keep_salt("v1:x")
    dev.settle()

    folder = tmp_path / ".local"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (dev.overlay, dev.passphrase, dev.merged):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"
    assert variables == {"PULUMI_CONFIG_PASSPHRASE_FILE": str(dev.passphrase)}
    assert len(dev.passphrase.read_text().strip()) >= 40


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_a_passphrase_that_is_set_wins_even_if_it_is_empty(tmp_path: Path, name: str) -> None:
    """Then none is generated."""
    dev = _dev(tmp_path)

    assert dev.ready_passphrase({name: ""}) == {}
    assert not dev.passphrase.exists()


def test_a_lost_passphrase_is_not_replaced(tmp_path: Path) -> None:
    """A new one could not open what the old one has closed."""
    dev = _dev(tmp_path)
    dev.keep_salt("v1:x")

    with pytest.raises(WrapperError, match=r"passphrase that is not here\. Set PULUMI_CONFIG_PASSPHRASE"):
        dev.ready_passphrase({})
    assert not dev.passphrase.exists()
