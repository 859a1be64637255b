"""The search for secrets itself: every form in which one might be written is found."""

import base64
import gzip
import io
import json
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.sentinel import Sentinel

SENTINEL = Sentinel()
SECRET = SENTINEL.secret()

WRITTEN = {
    "as it is": SECRET,
    "in JSON": json.dumps({"a": SECRET}),
    "in a URL": quote(SECRET),
    "a shell's word": repr(SECRET),
    "backwards": SECRET[::-1],
    "hex": SECRET.encode().hex(),
    "upper-case hex": SECRET.encode().hex().upper(),
    "every byte quoted": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    **{f"base64 after {n}": base64.b64encode(b"x" * n + SECRET.encode()).decode() for n in range(7)},
    **{f"URL-safe base64 after {n}": base64.urlsafe_b64encode(b"?" * n + SECRET.encode()).decode() for n in range(4)},
}


@pytest.mark.parametrize("form", WRITTEN)
def test_every_form_is_found(form: str) -> None:
    """In whatever stands around it."""
    assert SENTINEL.found("there", f"before {WRITTEN[form]} after".encode())


def test_what_is_none_is_not_found() -> None:
    """Another one, say."""
    assert SENTINEL.found("there", Sentinel().secret().encode()) == set()


def test_one_that_is_cut_by_the_border_of_two_chunks_is_found() -> None:
    """Wherever it is cut."""
    content = b"." * 100 + SECRET.encode() + b"." * 100
    for at in range(90, 140):
        assert SENTINEL.found_in("there", [content[:at], content[at:]])


def test_files_are_looked_through_and_their_names(tmp_path: Path) -> None:
    """Hidden ones too."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".b").write_text(SECRET)
    (tmp_path / SENTINEL.token).touch()
    assert len(SENTINEL.found_in_files(tmp_path)) == 2


@pytest.mark.parametrize("packed", [False, True])
def test_a_tar_is_looked_through(packed: bool) -> None:
    """Compressed layers are opened."""
    layer = gzip.compress(SECRET.encode()) if packed else SECRET.encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("layer")
        entry.size = len(layer)
        tar.addfile(entry, io.BytesIO(layer))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
            other = tarfile.TarInfo("other")
            other.type, other.linkname = kind, "layer"
            tar.addfile(other)
    stream.seek(0)
    [found] = SENTINEL.found_in_tar("image", stream)
    assert found.startswith("image layer: plain")
