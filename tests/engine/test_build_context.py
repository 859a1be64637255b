"""Build contexts: .dockerignore, the digest that the real provider computes, and the archive."""

import base64
import io
import os
import tarfile
from pathlib import Path

import pytest

from engine.errors import ProviderError
from engine.providers.build import BuildContext, BuildProgress, go_mode, parse_fields


@pytest.fixture
def app(tmp_path: Path) -> Path:
    files = {
        "app/Dockerfile": "FROM base\n",
        "app/a.txt": "a",
        "app/sub/b.txt": "b",
        "app/sub/deep/c.txt": "c",
        "app/sub-x.txt": "x",
        "app/node_modules/m.js": "m",
        "other.Dockerfile": "FROM other\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    return tmp_path


def names(context: BuildContext) -> list[str]:
    out = io.BytesIO()
    context.pack(out)
    with tarfile.open(fileobj=out) as tar:
        return tar.getnames()


def test_the_digest_is_the_one_of_the_real_provider(tmp_path: Path) -> None:
    """Measured with the docker provider 5.2.0 on these two files."""
    (tmp_path / "app").mkdir()
    text = 'FROM local/debian:trixie\nCOPY hello.txt /hello.txt\nCMD ["sleep", "infinity"]\n'
    (tmp_path / "app" / "Dockerfile").write_text(text)
    (tmp_path / "app" / "hello.txt").write_text("hi\n")
    for path in (tmp_path / "app").iterdir():
        path.chmod(0o644)
    digest = BuildContext("app", "app/Dockerfile", tmp_path).digest()
    assert digest == "7f6a681dac8fb653bed5c86488d265f1bf40ffc66758da3fc2d5fa8d72d0a807"


def test_times_do_not_change_the_digest_but_names_modes_and_contents_do(app: Path) -> None:
    """The same source is the same image."""

    def digest() -> str:
        return BuildContext("app", "app/Dockerfile", app).digest()

    first = digest()
    os.utime(app / "app" / "a.txt", (1, 1))
    assert digest() == first
    (app / "app" / "a.txt").chmod(0o755)
    second = digest()
    (app / "app" / "a.txt").rename(app / "app" / "z.txt")
    third = digest()
    (app / "app" / "z.txt").write_text("other")
    assert len({first, second, third, digest()}) == 4


def test_an_ignored_file_counts_neither_for_the_digest_nor_for_the_archive(app: Path) -> None:
    """What .dockerignore names does not reach the builder."""
    (app / "app" / ".dockerignore").write_text("# comment\nnode_modules\nsub/deep\n")
    context = BuildContext("app", "app/Dockerfile", app)
    digest = context.digest()
    (app / "app" / "node_modules" / "m.js").write_text("changed")
    assert context.digest() == digest
    assert names(context) == [".dockerignore", "Dockerfile", "a.txt", "sub/b.txt", "sub-x.txt"]


def test_the_ignore_file_beside_the_dockerfile_wins(app: Path) -> None:
    """<Dockerfile>.dockerignore is preferred, and the Dockerfile is sent even if it is ignored."""
    (app / "app" / ".dockerignore").write_text("a.txt\n")
    (app / "app" / "Dockerfile.dockerignore").write_text("*\n!sub\n")
    assert names(BuildContext("app", "app/Dockerfile", app)) == [
        ".dockerignore",
        "Dockerfile",
        "sub/b.txt",
        "sub/deep/c.txt",
    ]


def test_a_dockerfile_outside_of_the_context_is_added(app: Path) -> None:
    """Under a name that no file of the context has."""
    context, out = BuildContext("app/sub", "other.Dockerfile", app), io.BytesIO()
    name = context.pack(out)
    with tarfile.open(fileobj=out) as tar:
        assert tar.getnames() == ["b.txt", "deep/c.txt", name]
        assert all(entry.uid == entry.gid == 0 for entry in tar.getmembers())
    assert context.dockerfile_in_context == "../../other.Dockerfile"


def test_a_symbolic_link_counts_by_where_it_points(app: Path) -> None:
    """Not by the content behind it."""
    (app / "app" / "link").symlink_to("a.txt")
    context = BuildContext("app", "app/Dockerfile", app)
    first = context.digest()
    (app / "app" / "link").unlink()
    (app / "app" / "link").symlink_to("sub/b.txt")
    assert context.digest() != first


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["*.txt"], ["Dockerfile", "node_modules/m.js", "sub/b.txt", "sub/deep/c.txt"]),
        (["**/*.txt"], ["Dockerfile", "node_modules/m.js"]),
        (["sub"], ["Dockerfile", "a.txt", "node_modules/m.js", "sub-x.txt"]),
        (["/sub/"], ["Dockerfile", "a.txt", "node_modules/m.js", "sub-x.txt"]),
        (["*", "!a.txt", "!sub/b.txt"], ["a.txt", "sub/b.txt"]),
        (["**", "!sub/*.txt"], ["sub/b.txt"]),
        (["su?", "[ab].txt", "node*"], ["Dockerfile", "sub-x.txt"]),
        (["# a.txt", "", " node_modules "], ["Dockerfile", "a.txt", "sub/b.txt", "sub/deep/c.txt", "sub-x.txt"]),
        (["**"], []),
    ],
)
def test_patterns_match_as_dockers_do(app: Path, patterns: list[str], kept: list[str]) -> None:
    """The last rule that matches decides, and a rule for a folder holds for all below it."""
    (app / "app" / "Dockerfile.dockerignore").write_text("\n".join(["Dockerfile.dockerignore", *patterns]))
    assert BuildContext("app", "app/Dockerfile", app).files == kept


def test_a_missing_folder_or_dockerfile_is_told_with_a_hint(app: Path) -> None:
    """Dockerfile paths are relative to the project, as the real provider has it."""
    with pytest.raises(ProviderError, match=r"build.context: no such folder \(got 'nope'\)"):
        BuildContext("nope", "Dockerfile", app)
    with pytest.raises(ProviderError, match=r"no such file \(got 'Dockerfile'\). Try 'app/Dockerfile'"):
        BuildContext("app", "Dockerfile", app)


def test_modes_are_printed_as_go_does() -> None:
    """They are part of the digest."""
    assert go_mode(0o100644) == "-rw-r--r--"
    assert go_mode(0o104755) == "urwxr-xr-x"
    assert go_mode(0o120777) == "Lrwxrwxrwx"


def field(number: int, value: bytes | int) -> bytes:
    """One protobuf field; sizes below 128 only."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def trace(*messages: bytes) -> dict[str, str]:
    return {"id": "moby.buildkit.trace", "aux": base64.b64encode(b"".join(messages)).decode()}


def test_a_failed_build_shows_the_step_and_its_last_lines() -> None:
    """The rest of a long log is left out."""
    progress = BuildProgress()
    vertex = field(1, field(1, b"d1") + field(3, b"[2/2] RUN make") + field(5, b"t"))
    lines = list(progress.feed(trace(vertex)))
    for number in range(40):
        lines += progress.feed(trace(field(3, field(1, b"d1") + field(4, f"line {number}\n".encode()))))
    list(progress.feed(trace(field(1, field(1, b"d1") + field(3, b"[2/2] RUN make") + field(7, b"exit 2")))))
    list(progress.feed({"error": "exit code: 2"}))
    text = progress.failure()
    assert lines[0] == "[2/2] RUN make"
    assert text.startswith("the step '[2/2] RUN make' failed: exit code: 2")
    assert "line 39" in text
    assert "line 5\n" not in text


def test_a_missing_base_image_is_told_with_the_cure() -> None:
    """The builder's words are long; what to do stands below them."""
    progress = BuildProgress()
    list(progress.feed({"error": "nope: failed to resolve source metadata for docker.io/library/nope:1"}))
    assert "The base image can neither be found on this host nor pulled" in progress.failure()


def test_a_cut_off_message_is_no_error() -> None:
    """The progress is only shown, so what cannot be read is left out."""
    assert parse_fields(b"\x0a\x02ab\x28\x01") == [(1, b"ab"), (5, 1)]
    assert parse_fields(b"\x0a\x05ab") == []
