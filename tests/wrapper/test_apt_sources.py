"""What apt is configured to install from, in both forms of its files."""

from wrapper.apt_sources import Source, newest, of_suite, parse, render

MAIN = Source(uri="http://mirror/debian", suite="bookworm", components=("main", "contrib"), signed_by="/k.gpg")

ONE_LINE = """\
# deb http://commented out
deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main contrib # a comment
deb-src http://mirror/debian bookworm main
deb http://mirror/flat ./
"""
DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /k.gpg

Types: deb
Enabled: no
URIs: http://off
Suites: x

Types: deb-src
URIs: http://sources
Suites: x

Types: deb
URIs: http://mirror/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""


def test_one_line_files_are_read() -> None:
    """Options, comments and flat repositories included; source packages left out."""
    assert parse("sources.list", ONE_LINE) == [MAIN, Source(uri="http://mirror/flat", suite="./", components=())]


def test_deb822_files_are_read() -> None:
    """One source for each suite; disabled stanzas and source packages left out; keys may stand in them."""
    first, updates, security = parse("debian.sources", DEB822)

    assert first == MAIN
    assert updates.suite == "bookworm-updates"
    assert security.signed_by == "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc"


def test_a_later_suite_comes_from_where_the_present_one_does() -> None:
    """Its security updates too, by the same keys; nothing else is taken along."""
    sources = parse("debian.sources", DEB822)

    moved = of_suite(sources, suite="bookworm", later="trixie")

    assert [(source.uri, source.suite) for source in moved] == [
        ("http://mirror/debian", "trixie"),
        ("http://mirror/security", "trixie-security"),
    ]
    assert parse("x.sources", render(moved)) == list(moved)


MADISON = """\
 docker.io | 26.1.5+dfsg1-9 | http://mirror/debian trixie/main amd64 Packages
 docker.io | 20.10.24+dfsg1-1 | http://mirror/debian bookworm/main amd64 Packages
 docker.io | 20.10.24+dfsg1-1 | http://mirror/debian bookworm/main Sources
  iptables |    1.8.9-2 | http://mirror/debian bookworm/main amd64 Packages
N: something else
"""


def test_newest_version_is_read_from_the_suites_that_count() -> None:
    """On a machine with several suites configured, those of its own release."""
    assert newest(MADISON) == {"docker.io": "26.1.5+dfsg1-9", "iptables": "1.8.9-2"}
    assert newest(MADISON, suites=("bookworm",)) == {"docker.io": "20.10.24+dfsg1-1", "iptables": "1.8.9-2"}
    assert newest("") == {}
