"""What the environment may and may not say."""

# ruff: noqa: PT009 - Django's own test runner, not pytest

from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase
from hedgerow.environment import Environment


class SecretTests(SimpleTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "key"

    def secret(self, text: str | bytes) -> str:
        self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        return Environment(values={"KEY_FILE": str(self.file)}).secret("KEY")

    def test_file_loses_its_last_newline_only(self) -> None:
        """Editors add a newline; spaces may belong to a password."""
        self.assertEqual(self.secret(" pass word \n"), " pass word ")

    def test_empty_or_unreadable_file_is_refused(self) -> None:
        """A site never boots with an empty key, and the message names the variable and the file."""
        for content in ("", "\n", "  \n", b"\xff\xfe"):
            with self.subTest(content), self.assertRaisesMessage(ImproperlyConfigured, f"(got {self.file}"):
                self.secret(content)

    def test_missing_file_is_refused(self) -> None:
        """A mount that is not there is named with its path."""
        with self.assertRaisesMessage(ImproperlyConfigured, "KEY_FILE: cannot read the secret (got /nowhere"):
            Environment(values={"KEY_FILE": "/nowhere/key"}).secret("KEY")

    def test_value_in_the_environment_serves_local_use_only(self) -> None:
        """In production a secret in the environment is not even looked at."""
        values = {"KEY": "visible to every process listing"}
        self.assertEqual(Environment(values=values, local=True).secret("KEY"), values["KEY"])
        with self.assertRaisesMessage(ImproperlyConfigured, "Set KEY_FILE"):
            Environment(values=values).secret("KEY")

    def test_build_needs_no_secret(self) -> None:
        """Static files are collected where secrets must not be."""
        self.assertEqual(Environment(values={}, building=True).secret("KEY"), "")


class ValueTests(SimpleTestCase):
    def test_missing_value_is_refused_unless_local(self) -> None:
        """A production site does not guess where its database is."""
        self.assertEqual(Environment(values={}, local=True).text("HOST", local="localhost"), "localhost")
        with self.assertRaisesMessage(ImproperlyConfigured, "HOST: must not be empty"):
            Environment(values={"HOST": " "}).text("HOST", local="localhost")

    def test_flag_is_0_or_1(self) -> None:
        """TLS_ENABLED=true must not silently mean off."""
        flags = {"ON": "1", "OFF": "0", "ODD": "true"}
        environment = Environment(values=flags)
        self.assertEqual([environment.flag(name) for name in ("ON", "OFF", "ABSENT")], [True, False, False])
        with self.assertRaisesMessage(ImproperlyConfigured, "ODD: must be 0 or 1 (got 'true')"):
            environment.flag("ODD")

    def test_list_is_split_at_commas(self) -> None:
        """Spaces and empty parts do no harm."""
        self.assertEqual(Environment(values={"HOSTS": "a.org, b.org,"}).names("HOSTS"), ["a.org", "b.org"])
