"""Fifty deploys of changed code: what the stack has on the engine, and what it takes of the disk, does not grow.

BENCH_DEPLOYS=10 makes a short one of it.
"""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from benchmarks._machine import watched
from benchmarks._site import change_code, images, inventory, release_through_nginx, site
from tests.e2e.deployment import Deployment
from wrapper.report import Control, Measure, Report

PORT = 8460
DEPLOYS, KEPT = int(os.environ.get("BENCH_DEPLOYS", "50")), 5
UNITS = {"B": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3, "TB": 1e6}


def megabytes(text: str) -> float:
    """Of a size as the docker command prints it; 0 when it does not know."""
    number = text.rstrip("BkMGT")
    return float(number) * UNITS[text[len(number) :]] if text.endswith("B") else 0.0


def usage(stack: Deployment) -> dict[str, float]:
    """MB that the stack takes: layers that only its images have, volumes, what its containers have written.

    The builder's cache belongs to nobody and is Docker's to prune; it stands beside, for the whole engine.
    """
    told = subprocess.run(
        ["docker", "system", "df", "--verbose", "--format", "{{json .}}"], text=True, capture_output=True, check=True
    ).stdout
    found: dict[str, list[dict[str, str]]] = json.loads(told)
    own: dict[str, list[str]] = {
        "images": [each["UniqueSize"] for each in found["Images"] if each["Repository"].startswith(f"{stack.prefix}/")],
        "volumes": [each["Size"] for each in found["Volumes"] if each["Name"].startswith(f"{stack.prefix}-")],
        "containers": [
            each["Size"].partition(" ")[0]
            for each in found["Containers"]
            if each["Names"].startswith(f"{stack.prefix}-")
        ],
    }
    sums = {kind: round(sum(megabytes(size) for size in sizes), 2) for kind, sizes in own.items()}
    web = [megabytes(each["UniqueSize"]) for each in found["Images"] if each["Repository"] == f"{stack.prefix}/web"]
    nameless = sum(each["Repository"] == "<none>" for each in found["Images"])
    cache = sum(megabytes(each["Size"]) for each in found["BuildCache"])
    return sums | {
        "all": sum(sums.values()),
        "one image": max(web, default=0.0),
        "nameless images of the engine": nameless,
        "build cache of the engine": round(cache, 1),
    }


def deploys(stack: Deployment) -> list[dict[str, Any]]:
    """What there is after each."""
    rows = []
    for number in range(1, DEPLOYS + 1):
        change_code(stack, f"disk {number} {time.time()}\n")
        start = time.monotonic()
        stack.up("--skip-preview")
        seconds = round(time.monotonic() - start, 1)
        there, used = inventory(stack), usage(stack)
        rows.append({"seconds": seconds, "inventory": there, "usage": used})
        print(f"{number:2} {seconds:5} s {there} {used['all']:.1f} MB", flush=True)
    return rows


def growth(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Of what there is more, and how much."""
    return {kind: after[kind] - before[kind] for kind in after if after[kind] > before[kind]}


def allowed(first: Mapping[str, float]) -> float:
    """MB that fifty deploys may add: five images and a tenth of what there was."""
    return KEPT * first["one image"] + first["all"] / 10


def hoard(stack: Deployment) -> int:
    """The control: images more after some deploys that are told to keep more releases than the exam allows."""
    before = len(images(stack))
    stack.set(keepReleases=str(3 * KEPT))
    for number in range(KEPT + 1):
        change_code(stack, f"hoard {number} {time.time()}\n")
        stack.up("--skip-preview")
    return len(images(stack)) - before


def main() -> Report:
    with watched() as machine, site("disk", port=PORT, bakeSeconds="0") as stack:
        before, first = inventory(stack), usage(stack)
        rows = deploys(stack)
        answers = release_through_nginx(stack) == stack.pulumi("stack", "output", "release").stdout.strip()
        hoarded = hoard(stack)
    after, last = rows[-1]["inventory"], rows[-1]["usage"]
    more, added, may = growth(before, after), last["all"] - first["all"], allowed(first)
    return Report(
        title=f"The disk after {DEPLOYS} deploys",
        measures=[
            Measure(name="deploys", value=len(rows), unit="", at_least=DEPLOYS),
            Measure(name="the last release answers", value=int(answers), unit="", at_least=1),
            Measure(name="images more", value=more.pop("images", 0), unit="", at_most=KEPT),
            Measure(name="containers, volumes, networks, sockets more", value=sum(more.values()), unit="", at_most=0),
            Measure(name="disk: growth / 5 images and 10 %", value=round(added / may, 3), unit="x", at_most=1),
            Measure(name="disk: growth", value=round(added, 1), unit="MB"),
            Measure(
                name="seconds of a deploy, last half / first half",
                value=round(_mean(rows[len(rows) // 2 :]) / _mean(rows[: len(rows) // 2]), 2),
                unit="x",
                at_most=2,
            ),
            *(
                Measure(name=f"{kind}: growth", value=round(last[kind] - first[kind], 1), unit=unit)
                for kind, unit in (("nameless images of the engine", ""), ("build cache of the engine", "MB"))
            ),
            *machine,
        ],
        controls=[
            Control(
                name=f"{KEPT + 1} deploys that keep {3 * KEPT} releases, against the same bound",
                failed=after["images"] - before["images"] + hoarded > KEPT,
                detail=f"{hoarded} images more",
            )
        ],
        raw={"before": before, "first": first, "rows": rows, "more": growth(before, after), "hoarded": hoarded},
    )


def _mean(rows: list[dict[str, Any]]) -> float:
    return statistics.mean(float(row["seconds"]) for row in rows)
