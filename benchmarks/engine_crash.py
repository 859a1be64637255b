"""kill -9 of the embedded engine at every save and every Docker call of an update, and a hundred lock races."""

import json
import tempfile
import time
from pathlib import Path

from tests.engine.crash_exam import CrashExam
from tests.engine.real_docker import ensure_base_image
from tests.engine.test_lock import run_races
from wrapper.report import Control, Measure, Report

RACES = 100
FRESH = (("after-call", 1), ("after-call", 3), ("before-save", 4), ("after-save", 6), ("after-call", 5))


def forgetful(exam: CrashExam) -> str:
    """A crash after Docker made a container, with the note of it taken out of the state; what then goes wrong."""
    exam.engine.run("destroy", "--yes", expect=0)
    exam._change()  # noqa: SLF001  the exam's own control
    exam._up("after-call", 3)  # noqa: SLF001
    path = exam.project / "backend" / ".pulumi" / "stacks" / "crash" / "dev.json"
    content = json.loads(path.read_text())
    content["checkpoint"]["latest"].pop("pending_operations", None)
    path.write_text(json.dumps(content))
    done = exam.engine.run("up", "--yes", "--skip-preview")
    return done.text.splitlines()[-1] if done.code else ""


def main() -> Report:
    failures: list[str] = []
    points = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ensure_base_image(folder)
        exam = CrashExam(folder / "project")
        try:
            trials = [(kind, point, True) for kind, point in FRESH]
            trials += [(kind, point, False) for kind, point in exam.all_points()]
            for kind, point, fresh in trials:
                points += 1
                try:
                    exam.trial(kind, point, fresh=fresh)
                except AssertionError as error:
                    failures.append(f"{kind} {point}: {error}")
            seen = forgetful(exam)
        finally:
            exam.close()
        races = run_races(folder / "locks", RACES)
    double = sum(max(race) > 1 for race in races)
    return Report(
        title="Crashes and races of the embedded engine",
        measures=[
            Measure(name="points at which it was killed", value=points, unit="kills", at_least=50),
            Measure(name="points that the next up did not mend", value=len(failures), unit="kills", at_most=0),
            Measure(name="lock races with two writers", value=double, unit="of 100", at_most=0),
            Measure(name="the whole exam", value=time.monotonic() - began, unit="s"),
        ],
        controls=[
            Control(name="a state that forgets what was under way is not mended", failed=bool(seen), detail=seen[:120])
        ],
        raw={"failures": failures, "writers": races},
    )
