"""The figures in the documentation are those of the raw results."""

import json
from pathlib import Path

from benchmarks import _page

RESULT = {
    "title": "t",
    "commit": "0123456789abcdef",
    "date": "2001-01-01",
    "machine": "2 CPUs",
    "measures": [
        {"name": "failed", "value": 3, "unit": "requests", "at_least": None, "at_most": 0},
        {"name": "ours: gap", "value": 0.25, "unit": "", "at_least": None, "at_most": None},
    ],
    "controls": [{"name": "a restart", "failed": True, "detail": "7 failed"}],
    "raw": {"rows_by_name": {"ours": {"gap": 0.25}, "theirs": {"gap": 2}}},
}


def test_the_page_has_the_figures_of_the_raw_results() -> None:
    """When this fails, run python -m benchmarks._page."""
    page = _page.PAGE.read_text()
    assert _page.render(page, _page.DOCS / "benchmarks") == page


def test_a_table_shows_target_miss_control_and_ways_side_by_side(tmp_path: Path) -> None:
    """Figures of one way to deploy stand in its column alone."""
    (tmp_path / "peers.json").write_text(json.dumps(RESULT))
    page = _page.render("before\n<!-- figures: peers -->\nold\n<!-- end -->\nafter\n", tmp_path)
    assert "| figure | ours | theirs |\n|---|---|---|\n| gap | 0.25 | 2 |" in page
    assert "| failed | 3 requests | ≤ 0 **missed** |" in page
    assert "- Control: a restart: 7 failed." in page
    assert "Commit 0123456789, 2001-01-01, 2 CPUs." in page
    assert "ours: gap" not in page
    assert "old" not in page


def test_a_table_without_a_result_says_so(tmp_path: Path) -> None:
    """And is filled by the next run."""
    page = _page.render("<!-- figures: peers -->\n<!-- end -->\n", tmp_path)
    assert page == "<!-- figures: peers -->\nNo result is kept yet.\n<!-- end -->\n"
