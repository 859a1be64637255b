"""Pages for people."""

# ruff: noqa: PT009 - Django's own test runner, not pytest

import re
from io import StringIO

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import TestCase, TransactionTestCase, override_settings
from timebank.models import Member, Notice, Transfer

PAGES = ["/", "/members/", "/give/", "/gallery/", "/status/"]
INLINE = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|=.javascript:", re.IGNORECASE)


@override_settings(
    STORAGES={
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
)
class PageTests(TestCase):
    def pages(self) -> str:
        responses = [self.client.get(page) for page in PAGES]
        self.assertEqual([response.status_code for response in responses], [200] * len(PAGES))
        return "\n".join(response.content.decode() for response in responses)

    def test_empty_site_says_what_to_do(self) -> None:
        """Before anybody has joined, every page still answers, and the board is not just blank."""
        html = self.pages()
        self.assertIn("Nobody needs a hand", html)
        self.assertIn("Add the first member", html)

    def test_seeded_site_shows_the_neighbourhood(self) -> None:
        """Members, notices, transfers and pictures appear; links to static files carry their hashes."""
        call_command("seed", stdout=StringIO())
        html = self.pages()
        for text in ("Esi Mensah", "\N{MINUS SIGN}4 h", "plum tree", "harpsichord", "Radishes, as seen by the mole"):
            self.assertIn(text, html)
        self.assertRegex(html, r"/static/site\.[0-9a-f]{12}\.css")

    def test_nothing_is_inline(self) -> None:
        """A strict content security policy would block nothing."""
        call_command("seed", stdout=StringIO())
        self.assertIsNone(INLINE.search(self.pages()))
        self.assertIsNotNone(INLINE.search("<p style='color: red'>"), "the pattern finds nothing at all")

    def test_seed_leaves_what_is_there_alone(self) -> None:
        """A second run adds nothing, and one member of your own keeps the invented ones away."""
        Member.objects.create(name="Real Person", offers="Being real")
        for _ in range(2):
            call_command("seed", stdout=StringIO())
        self.assertEqual(Member.objects.count(), 1)

    def test_seeded_books_balance(self) -> None:
        """Every balance is the sum of the transfers behind it."""
        call_command("seed", stdout=StringIO())
        for member in Member.objects.prefetch_related("given", "received"):
            gained = sum(transfer.minutes for transfer in member.received.all())
            spent = sum(transfer.minutes for transfer in member.given.all())
            self.assertEqual(member.balance_minutes, gained - spent, member.name)

    def test_search_finds_the_beginning_of_a_name(self) -> None:
        """Case does not matter; a strange query finds nobody and harms nothing."""
        for name in ("Ada Fennimore", "Adam Able", "Madame Zola"):
            Member.objects.create(name=name, offers="-")
        found = [member.name for member in self.client.get("/members/?q=ada").context["members"]]
        self.assertEqual(found, ["Ada Fennimore", "Adam Able"])
        self.assertContains(self.client.get("/members/?q=%00%25<b>"), "No name here starts with “%&lt;b&gt;”")

    def test_unknown_address_is_a_page_of_the_site(self) -> None:
        """A 404 shows the way back."""
        self.assertContains(self.client.get("/nowhere/"), "Nothing grows here", status_code=404)

    def test_admin_shows_the_books_and_protects_the_past(self) -> None:
        """Every list opens; a transfer can be neither written nor changed there."""
        call_command("seed", stdout=StringIO())
        self.client.force_login(User.objects.create_superuser("keeper"))
        for page in ("", "timebank/member/", "timebank/notice/", "timebank/transfer/", "gallery/picture/"):
            self.assertContains(self.client.get(f"/admin/{page}"), "Hedgerow")
        transfer = Transfer.objects.first()
        self.assertEqual(self.client.get("/admin/timebank/transfer/add/").status_code, 403)
        page = f"/admin/timebank/transfer/{transfer.pk}/change/"
        self.assertNotContains(self.client.get(page), 'name="minutes"')


class GiveTests(TransactionTestCase):
    """Transfers bring a transaction of their own, so these tests may not run inside one."""

    def setUp(self) -> None:
        self.ada = Member.objects.create(name="Ada", offers="Sums")
        self.dov = Member.objects.create(name="Dov", offers="Bicycles")

    def post(self, **changes: object):  # noqa: ANN201 - a test response has no public type
        data = {"giver": self.ada.pk, "receiver": self.dov.pk, "minutes": 45, "reason": "A chain", **changes}
        return self.client.post("/give/", data, follow=True)

    def test_form_moves_time_and_says_thank_you(self) -> None:
        """The board shows the transfer at once."""
        self.assertContains(self.post(), "Dov helped Ada: 45 min in the books.")
        self.assertEqual(Transfer.objects.count(), 1)

    def test_notice_fills_in_the_form_and_leaves_the_board(self) -> None:
        """Settling is two clicks: who helped, and send."""
        notice = Notice.objects.create(member=self.ada, text="A new chain", minutes=45)
        form = self.client.get(f"/give/?notice={notice.pk}").context["form"]
        self.assertEqual((form.initial["giver"], form.initial["minutes"]), (self.ada.pk, 45))
        self.assertContains(self.post(notice=notice.pk), "Nobody needs a hand")

    def test_mistakes_are_explained_and_change_nothing(self) -> None:
        """The page comes back with the reason and what was typed."""
        Member.objects.filter(pk=self.ada.pk).update(balance_minutes=-600)
        mistakes = {
            "Pick two different members.": {"receiver": self.ada.pk},
            "Select a valid choice": {"minutes": 7},
            "This field is required.": {"reason": ""},
            "more than 10 hours behind": {},
            "settled already": {"giver": self.dov.pk, "receiver": self.ada.pk, "notice": 10**30},
        }
        for reason, changes in mistakes.items():
            with self.subTest(reason):
                self.assertContains(self.post(**changes), reason, status_code=422)
        self.assertFalse(Transfer.objects.exists())

    def test_odd_notice_numbers_are_ignored(self) -> None:
        """An address is not an error page."""
        for number in ("", "x", "-1", "٣", "9" * 40):
            with self.subTest(number):
                self.assertEqual(self.client.get("/give/", {"notice": number}).status_code, 200)
