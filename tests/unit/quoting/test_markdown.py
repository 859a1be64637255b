"""No text of others becomes markup, and nothing grows beyond its room."""

import html
import re

import pytest

from quoting.markdown import code, details, fence, fitting, items, text, visible
from review import picture

TRICKS = (
    "<script>alert(1)</script>",
    "<!-- django-stack review: shop/prod -->",
    "</details><h1>Safe</h1>",
    "**Safe** _and_ ~~sound~~",
    "[click](javascript:alert(1))",
    "![](https://evil.example/p.png)",
    "`code` ``` fence",
    "| a | b |",
    "# Safe",
    "- item\n- item",
    "line\r\n## Safe: nothing was found",
    "@everyone see #1 and !2 and GH-3",
    "$\\frac{1}{2}$",
    "\\*escaped\\*",
    "&lt;b&gt; &#60;b&#62;",
    "https://evil.example www.evil.example",
    "abc\u202efdp.exe",
    "zero\u200bwidth\ufeff",
    "a" + "\u0301" * 50,
    "\x1b[31mred\x00",
    "\ue000\U000e0041",
)


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_no_markup_in_prose(trick: str) -> None:
    """Nothing is left that a renderer could read as more than a text."""
    told = text(trick)
    bare = re.sub(r"&#\d+;", "", told)
    assert not re.search(r"[<>`*_\[\]|~#$@!\\&{}\n]", bare)
    assert not re.search(r"https?:|www\.", bare)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\x00-\x1f]", told)


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_no_markup_in_code(trick: str) -> None:
    """A renderer shows what was there, or an escape of what cannot be seen."""
    told = code(trick)
    inner = told.removeprefix("<code>").removesuffix("</code>")
    assert not re.search(r"[<>`*_\[\]|\n]", inner)
    assert html.unescape(inner) == visible(trick)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_line_ends_its_fence(trick: str) -> None:
    """The mark is longer than any in the text."""
    lines = fence([trick, "``````"], "diff").splitlines()
    assert len(lines) == 4
    assert lines[-1] == "`" * 7


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_no_part_of_a_picture(trick: str) -> None:
    """A label is letters, digits and a few signs."""
    assert re.fullmatch(r"[A-Za-z0-9 ._-]{1,60}", picture.label(trick))


def test_texts_in_other_letters_stay_as_they_are() -> None:
    """They are no tricks."""
    assert text("Größe 東京 naïve") == "Größe 東京 naïve"


def test_a_text_is_cut_between_characters() -> None:
    """Never within an entity, and never longer than it may be."""
    for most in range(2, 40):
        told = text("<<<<<<<<<<", most)
        assert len(told) <= most
        assert re.fullmatch(r"(&#60;)*…?", told)


def test_a_list_tells_what_it_leaves_out() -> None:
    """By its number."""
    told = items(["x" * 50] * 10, 200)
    assert len(told) <= 200
    assert told.endswith("- and 7 more")
    assert items(["a", "b"], 200) == "- a\n- b"


def test_lines_fit() -> None:
    """As many as there is room for."""
    assert fitting(["ab", "cd", "ef"], 6) == ["ab", "cd"]
    assert details("Title", "x") == "<details><summary>Title</summary>\n\nx\n\n</details>"
