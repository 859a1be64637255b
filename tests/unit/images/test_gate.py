"""The gate: what a replica must pass on its own socket, and how that is said."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import gate
import go_live
import prober
import pytest
import slots
from gate import Expected, findings

from tests.unit.images.servers import answer, on_socket

OURS = "bbbbbbbbbb"
EXPECTED = Expected(release="bbbbbbbbbb", host="www.example.com", health_path="/health/", paths=("/a/", "/b/"))
WORDS = ["--release=bbbbbbbbbb", "--host=www.example.com", "--health=/health/", "--path=/a/"]


def told(folder: Path, text: bytes, **pages: bytes) -> list[str]:
    """Ids and texts of what a replica that answers so does not pass."""
    path = folder / "b-1.sock"
    with on_socket(path, text, **pages):
        return [f"{found.id} {found.text}" for found in findings([str(path)], EXPECTED)]


def test_a_replica_that_answers_as_it_must_passes(tmp_path: Path) -> None:
    """A redirect of a page, or one that is not there, is no server error."""
    assert told(tmp_path, answer(200, release=OURS), a=answer(302, release=OURS), b=answer(404, release=OURS)) == []


@pytest.mark.parametrize("status", [204, 301, 302, 404, 500])
def test_the_health_path_must_answer_200(tmp_path: Path, status: int) -> None:
    """Nothing else, and not by way of a redirect; the beginning of the answer is told, without markup."""
    page = answer(status, b"<h1>It is\n\n not</h1> well", release=OURS)
    assert told(tmp_path, answer(200, release=OURS), health=page)[0].startswith(
        f"gate.E001 replica b-1: /health/ must answer 200 (got {status}: "
    )


def test_a_replica_of_another_release_does_not_pass(tmp_path: Path) -> None:
    """Nor one that does not say which it is."""
    assert told(tmp_path, answer(200, release="aaaaaaaaaa")) == [
        "gate.E002 replica b-1: must be release bbbbbbbbbb (got aaaaaaaaaa)."
    ]
    (tmp_path / "b-1.sock").unlink()
    assert told(tmp_path, answer(200)) == ["gate.E002 replica b-1: must be release bbbbbbbbbb (got none)."]


def test_pages_with_server_errors_do_not_pass(tmp_path: Path) -> None:
    """All of them are told."""
    assert told(tmp_path, answer(200, release=OURS), a=answer(500), b=answer(503)) == [
        "gate.E003 replica b-1: /a/ must not answer with a server error (got 500).",
        "gate.E003 replica b-1: /b/ must not answer with a server error (got 503).",
    ]


@pytest.mark.parametrize("text", [b"", answer(200, b"cut", length=99), b"nonsense\r\n\r\n"])
def test_an_answer_that_is_not_whole_is_none(tmp_path: Path, text: bytes) -> None:
    """A connection that is closed, a body that is cut short, something that is not HTTP."""
    assert [each.partition(" ")[0] for each in told(tmp_path, text)] == ["gate.E001", "gate.E003", "gate.E003"]


def test_a_socket_that_is_not_there_does_not_pass(tmp_path: Path) -> None:
    """Silence is no health."""
    found = findings([str(tmp_path / "none.sock")], EXPECTED)
    assert [each.id for each in found] == ["gate.E001", "gate.E003", "gate.E003"]
    assert "FileNotFoundError" in found[0].text


def test_every_replica_is_asked(tmp_path: Path) -> None:
    """One that does not pass is enough."""
    with ExitStack() as servers:
        for number in (1, 2, 3):
            text = answer(200 if number != 2 else 500, release=OURS)
            servers.enter_context(on_socket(tmp_path / f"{number}.sock", text))
        found = findings([str(tmp_path / f"{number}.sock") for number in (1, 2, 3)], EXPECTED)
    assert {each.replica for each in found} == {"2"}


# What is said


@pytest.mark.parametrize("status", [200, 500])
def test_silence_is_never_an_open_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """The findings are printed, or a word that says that there are none."""
    code, first = (0, "open") if status == 200 else (1, '{"id": "gate.E001"')
    path = tmp_path / "b-1.sock"
    monkeypatch.setattr("sys.argv", ["gate.py", *WORDS, str(path)])
    with on_socket(path, answer(status, release=OURS)), pytest.raises(SystemExit) as ended:
        gate.main()
    assert ended.value.code == code
    assert capsys.readouterr().out.startswith(first)


# Going live


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slots of a release that is live, and no proof."""
    monkeypatch.setattr(slots, "DIRECTORY", tmp_path)
    for name in ("show", "write", "live", "serving"):
        monkeypatch.setattr(getattr(slots, name), "__defaults__", (tmp_path,))
    monkeypatch.setattr(prober, "REPORT", tmp_path / "report.json")
    monkeypatch.setattr(prober, "PHASE", tmp_path / "phase")
    slots.write(slots.spread(["/run/web/old-1.sock"], current={}))
    slots.commit("aaaaaaaaaa", tmp_path)
    return tmp_path


def test_the_slots_move_when_the_gate_is_open(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a phase of their own, and with the time, by the clock of the server."""
    path = folder / "b-1.sock"
    with on_socket(path, answer(200, release=OURS)), pytest.raises(SystemExit) as ended:
        go_live.move([*WORDS, str(path)])
    assert ended.value.code == 0
    moved, word = capsys.readouterr().out.splitlines()
    assert json.loads(moved)["moved"].endswith("+00:00")
    assert word == "open"
    assert slots.show()["0.sock"] == str(path)
    assert prober.current_phase() == "switch"


def test_no_slot_moves_when_the_gate_is_closed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that visitors could notice has happened."""
    before = slots.show()
    with pytest.raises(SystemExit) as ended:
        go_live.move([*WORDS, str(folder / "none.sock")])
    assert ended.value.code == 1
    assert "moved" not in capsys.readouterr().out
    assert slots.show() == before
    assert prober.current_phase() == "before"


def test_a_look_says_what_is_live_and_where_and_whether_there_is_a_proof(folder: Path) -> None:
    """One that has seen no request yet is a proof all the same."""
    live = {"release": "aaaaaaaaaa", "sockets": ["/run/web/old-1.sock"]}
    assert json.loads(go_live.look()) == live | {"requests": None}
    prober.save(prober.Proof().report, folder / "report.json")
    assert json.loads(go_live.look()) == live | {"requests": 0}


def test_what_is_expected_is_what_was_told() -> None:
    """Word by word."""
    arguments = SimpleNamespace(**vars(gate.argument_parser().parse_args([*WORDS, "--path=/b/", "s"])))
    assert gate.expected(arguments) == EXPECTED  # type: ignore[arg-type]
