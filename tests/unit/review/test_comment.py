"""The comment: verdict first, never cut, never too long, with no word of a secret and no markup of others."""

import dataclasses
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from quoting.markdown import LIMIT
from review import comment, plan
from review.errors import ReviewInputError
from review.evidence import Evidence
from review.migrations import Linted, Pending
from review.records import Vulnerability
from review.verdict import judge
from tests.unit.goldens import expect
from tests.unit.program import SECRETS, committed, declare
from tests.unit.quoting.test_markdown import TRICKS
from tests.unit.recording import Declarations
from tests.unit.review.evidences import PACKAGES, PREFIX, RELEASE, container, image, known, migration, server
from tests.unit.review.plans import preview, step, text

VERDICTS = r"## (Safe|Needs attention|Dangerous): .+"


def rendered(evidence: Evidence) -> str:
    told = comment.render(evidence, judge(evidence))
    assert len(told) <= LIMIT
    assert re.fullmatch(VERDICTS, told.splitlines()[0])
    return told


def test_a_whole_comment_is_as_it_was() -> None:
    """Of a release with a migration that breaks, a smaller server than it needs, and a database that restarts."""
    before = declare(committed("prod"), stack="prod")
    after = declare(
        committed("prod") | {"postgresMemoryMb": 6144, "environment": {"FEATURE": "1"}, "secretsVersion": 2},
        stack="prod",
    )
    more = migration(
        'ALTER TABLE "shop_order" ADD COLUMN "tag" text NULL;',
        'CREATE INDEX "by_note" ON "shop_order" ("note");',
        'ALTER TABLE "shop_order" DROP COLUMN "old" CASCADE;',
        contractions=["RemoveField order"],
        waivers={"review.W013": "the table has forty rows"},
        unknown=("Raw Python operation",),
    )
    built = image(more)
    pending = dataclasses.replace(built.linted.pending, packages={**PACKAGES, "django": "5.2.19", "pillow": "12.0"})
    built = dataclasses.replace(built, linted=Linted(pending=pending, flaws=built.linted.flaws))
    found = [Vulnerability(package="pillow", version="12.0", id="CVE-2026-0001", fixed_in=("12.1",))]
    warned = [{"severity": "warning", "message": "host.W010 disk: 9 of 100 MiB are free. Free some."}]
    evidence = known(
        preview(before, after, diagnostics=warned),
        image=built,
        vulnerabilities=found,
        capacity=server(memory_mb=12_000),
    )
    told = rendered(evidence)
    for digits in (64, 12, 10):  # follow from the sources of images
        told = re.sub(rf"\b[0-9a-f]{{{digits}}}\b", "f" * digits, told)
    expect("review-comment.md", told + "\n")


def test_what_was_not_checked_is_said_with_the_reason() -> None:
    """For each input that is missing."""
    reasons = {name: f"no --{name} was given" for name in ("capacity", "audit", "image")}
    missing = {**reasons, "migrations": "no --image was given"}
    told = rendered(known(RELEASE, image=None, ledger=None, capacity=None, vulnerabilities=None, missing=missing))
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", told, re.MULTILINE))
    for row in ("memory", "CPU", "disk"):
        assert "not checked: no --capacity was given" in rows[row]
    assert rows["migrations"] == rows["image"] == "not checked: no --image was given"
    assert rows["known vulnerabilities"] == "not checked: no --audit was given"
    assert rows["data at risk"] == "none, migrations not checked"


def test_the_verdict_is_the_first_line_and_the_marker_the_second() -> None:
    """So that neither can be cut, and a workflow finds the comment again."""
    lines = rendered(known(RELEASE)).splitlines()
    assert lines[0] == "## Safe: nothing was found against it"
    assert lines[1] == "<!-- django-stack review: shop/prod -->" == comment.marker("shop", "prod")
    assert comment.marker("a--><b>", "c d") == "<!-- django-stack review: a____b_/c_d -->"


def test_a_preview_that_failed_has_no_digest() -> None:
    """Nobody may apply what is not known."""
    told = rendered(known(text([], diagnostics=[{"severity": "error", "message": "the stack is locked"}])))
    assert told.startswith("## Needs attention: the preview failed: the stack is locked")
    assert "| digest of the plan | none: the preview failed |" in told


@pytest.mark.parametrize("content", ["", "{", "error: the stack is currently locked by 1 lock(s)"])
def test_no_preview_is_a_comment_too(content: str) -> None:
    """It has the marker, so that the one before does not stand there as if it held."""
    with pytest.raises(ReviewInputError) as refused:
        plan.read(content)
    told = comment.refusal("shop", "prod", str(refused.value))
    assert told.startswith("## Needs attention: preview: must be")
    assert comment.marker("shop", "prod") in told


@pytest.mark.parametrize("trick", TRICKS)
def test_names_bring_no_markup(trick: str) -> None:
    """In whichever place they stand; the comment has our own tags and no others."""
    hostile = container(trick, name=trick, image=trick, envs=[f"{trick}=1"], memory=None, ports=[{"ip": trick}])
    steps = [
        *RELEASE,
        step("create", "Container", trick, None, hostile),
        step("replace", "Volume", trick, {"name": trick}, {"name": trick}),
        step("import", "Network", trick, None, {"name": trick}) | {"cause": trick},
    ]
    strange = migration(trick, contractions=[trick], unknown=(trick,), waivers={"review.W011": trick})
    said = [{"severity": "warning", "message": trick}]
    found = [Vulnerability(package=trick, version=trick, id=trick, fixed_in=(trick,))]
    evidence = known(text(steps, diagnostics=said), image=image(strange, name=trick), vulnerabilities=found)
    told = rendered(evidence)
    outside = "".join(_outside_fences(told))
    tags = set(re.findall(r"<[^>]*>?", outside))
    assert tags == {"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", told.splitlines()[1]}
    assert len(re.findall(r"^#", outside, re.MULTILINE)) == 2
    assert outside.count("<details>") == outside.count("</details>") >= 4
    assert told.count("<!--") == 1 + "".join(_inside_fences(told)).count("<!--")
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\x00-\x08\x0b-\x1f]", told)


def _outside_fences(told: str) -> Iterator[str]:
    return (part for number, part in enumerate(re.split(r"^`{3,}\w*$", told, flags=re.MULTILINE)) if number % 2 == 0)


def _inside_fences(told: str) -> Iterator[str]:
    return (part for number, part in enumerate(re.split(r"^`{3,}\w*$", told, flags=re.MULTILINE)) if number % 2)


SENTINEL = "sentinel-5f1c0e7a9b"


def test_no_secret_is_in_it() -> None:
    """A sentinel as every secret: of the config, in variables, commands, their input, labels, options of a database."""
    values = committed("prod") | {"environment": {"API_TOKEN": f"{SENTINEL}1", "DSN": f"https://u:{SENTINEL}2@host/1"}}
    values |= {"silencedChecks": {"policy.E007": "what would be refused"}}
    before = declare({**SECRETS, **committed("prod")}, stack="prod", secrets={})
    after = declare(
        {**dict.fromkeys(SECRETS, f"{SENTINEL}3" * 4), **values, "secretsVersion": 2}, stack="prod", secrets={}
    )
    shown = preview(before, after).replace("[secret]", f"{SENTINEL}4")  # as with --show-secrets
    third = container(
        "third",
        envs=["A=1", f"SMTP_PASSWORD={SENTINEL}5", "KEY_FILE=/run/secrets/key"],
        command=["redis-server", "--requirepass", f"{SENTINEL}6"],
        labels=[{"label": "traefik.auth", "value": f"{SENTINEL}7"}],
        uploads=[{"content": f"{SENTINEL}8", "file": "/a"}],
    )
    steps = [
        step("create", "Container", "third", None, third),
        step(
            "update", "Container", "other", container("other"), third, reasons=["command", "envs", "labels", "uploads"]
        ),
        step(
            "create",
            "command:local:Command",
            "login",
            None,
            {"create": f"docker login -p {SENTINEL}9", "stdin": SENTINEL},
        ),
        step("replace", "random:index:RandomPassword", "p", {"length": 8}, {"length": 9, "result": f"{SENTINEL}0"}),
    ]
    for each in steps:  # as the embedded engine tells causes
        each["cause"] = (
            f"envs[0] changed: {SENTINEL}a → {SENTINEL}b; command is now {SENTINEL}c; x → {SENTINEL}, needs it"
        )
    for evidence in (known(shown), known(text(steps)), known(preview(None, after))):
        assert SENTINEL not in rendered(evidence)
    names = rendered(known(preview(before, after)))
    assert "files of version 2: django&#95;secret&#95;key, database&#95;password" in names


def many(number: int, **inputs: Any) -> list[dict[str, Any]]:
    """So many containers that all differ."""
    return [
        step(
            "create",
            "Container",
            f"worker-{each}",
            None,
            container(f"worker-{each}", image=f"a/b:{each:012x}", **inputs),
        )
        for each in range(number)
    ]


@pytest.mark.parametrize(
    "evidence",
    [
        known(many(3000, envs=[f"V{number}=<{number}>" for number in range(4)])),
        known(many(1000, memory=None, name="<" * 400)),
        known(RELEASE, image=image(*(migration("<" * 900, contractions=["`" * 900]) for _ in range(200)))),
        known(text(many(500), diagnostics=[{"severity": "warning", "message": f"{n} \x00" * 400} for n in range(100)])),
    ],
    ids=["a long diff", "many findings", "much SQL", "many warnings"],
)
def test_a_comment_is_never_too_long(evidence: Evidence) -> None:
    """What is folded gives way; verdict, facts and findings are whole, and what is left out is counted."""
    told = rendered(evidence)
    assert len(told) > 10_000
    assert "| digest of the plan | <code>" in told
    assert told.count("<details>") == told.count("</details>")
    assert re.search(r"(and )?\d+ more", told)
    assert told.endswith("</details>")


def test_a_diff_of_ten_thousand_lines_is_cut_by_whole_lines() -> None:
    """And tells by how many."""
    steps = [
        step("update", "Container", f"c{number}", container(f"c{number}"), container(f"c{number}", memory=number + 1))
        for number in range(5_000)
    ]
    told = rendered(known(steps, capacity=None, missing={"capacity": "no --capacity was given"}))
    left = re.search(r"(\d+) more lines are left out here", told)
    assert left
    assert 5_000 < int(left[1]) < 10_000
    assert len(told) > LIMIT * 0.9


def test_replicas_are_told_once(stacks: dict[str, Declarations]) -> None:
    """What is the same for each of them is said with all their names."""
    told = rendered(known(preview(None, stacks["prod"])))
    web = [line for line in told.splitlines() if line.startswith("+ create Container web-")]
    assert len(web) == 1
    assert len(re.findall(r"web-[0-9a-f]{10}-\d", web[0])) == 4


def test_a_new_release_shows_what_differs_from_the_one_before() -> None:
    """And not all that both are made from."""
    before = declare(committed("prod"), stack="prod")
    after = declare(committed("prod") | {"environment": {"FEATURE": "1"}}, stack="prod")
    told = rendered(known(preview(before, after)))
    diff = told.partition("```diff\n")[2]
    start = diff.index("+ create Container web-")
    assert diff[start:].splitlines()[1:3] == ["      + variable FEATURE: 1", diff[start:].splitlines()[2]]
    assert not diff[start:].splitlines()[2].startswith(" ")


def test_a_picture_colours_what_changes() -> None:
    """New replicas beside old are a replacement."""
    told = rendered(known(RELEASE))
    assert 'web["web: 1 create, 1 delete"]:::replace' in told
    assert 'postgres["postgres: unchanged"]:::unchanged' in told


def test_a_large_stack_is_reviewed_at_once() -> None:
    """Far below the ten seconds that it may take."""
    evidence = known(many(100))
    began = time.monotonic()
    rendered(evidence)
    assert time.monotonic() - began < 2


def test_packages_are_compared_with_the_image_that_is_live() -> None:
    """New, gone and changed ones."""
    pending = Pending(packages={"django": "5.2.19", "pillow": "12.0"})
    told = rendered(_other_packages(pending))
    assert "django 5.2.18 → 5.2.19\ngunicorn 27.0.0 → (gone)\npillow (new) → 12.0" in told
    assert "203 MiB (+3); 3 packages changed" in told


def _other_packages(pending: Pending) -> Evidence:
    evidence = known(RELEASE)
    assert evidence.image
    changed = dataclasses.replace(evidence.image, linted=Linted(pending=pending, flaws=()))
    return dataclasses.replace(evidence, image=changed)


def test_what_others_use_of_the_server_counts() -> None:
    """Its memory is shared."""
    told = rendered(known(RELEASE, capacity=server(containers=(*server().containers, _foreign()))))
    assert "900 MiB of others" in told


def _foreign() -> Any:
    kept = server().containers[0]
    return dataclasses.replace(kept, name="other", stack="", role="", memory_mb=900)


def test_names_of_the_prefix_are_told_as_code() -> None:
    """A stack is named by project and stack."""
    assert f"| stack | <code>{PREFIX}</code>: 1 create, 1 delete, 1 update; 1 unchanged |" in rendered(known(RELEASE))
