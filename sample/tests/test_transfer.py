"""The books balance, whoever writes at the same time."""

# ruff: noqa: PT009, PT027 - Django's own test runner, not pytest

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local

from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.test import TransactionTestCase
from timebank.models import OVERDRAFT_MINUTES, Member, Notice, Transfer
from timebank.serializable import BusyError, serializable
from timebank.transfer import RefusedError, transfer


def in_threads(*works: Callable[[], object]) -> list[object]:
    """Run all at once, each on a connection of its own; their results in order."""

    def run(work: Callable[[], object]) -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


class TransferTests(TransactionTestCase):
    def setUp(self) -> None:
        self.ada = Member.objects.create(name="Ada", offers="Sums")
        self.dov = Member.objects.create(name="Dov", offers="Bicycles")

    def give(self, minutes: int, **more: int) -> Transfer:
        return transfer(giver_id=self.ada.pk, receiver_id=self.dov.pk, minutes=minutes, reason="A chain", **more)

    def balances(self) -> list[int]:
        return list(Member.objects.order_by("pk").values_list("balance_minutes", flat=True))

    def test_transfer_moves_time_and_leaves_a_record(self) -> None:
        """What one member gives, the other has."""
        self.give(90)
        self.assertEqual(self.balances(), [-90, 90])
        self.assertEqual(Transfer.objects.get().minutes, 90)

    def test_nobody_falls_behind_further_than_allowed(self) -> None:
        """A refused transfer changes nothing at all."""
        self.give(300)
        self.give(300)
        with self.assertRaisesMessage(RefusedError, "more than 10 hours behind"):
            self.give(1)
        self.assertEqual(self.balances(), [-OVERDRAFT_MINUTES, OVERDRAFT_MINUTES])
        self.assertEqual(Transfer.objects.count(), 2)

    def test_notice_is_settled_once(self) -> None:
        """A form that is sent twice pays once."""
        notice = Notice.objects.create(member=self.ada, text="A chain", minutes=45)
        self.give(45, notice_id=notice.pk)
        with self.assertRaisesMessage(RefusedError, "settled already"):
            self.give(45, notice_id=notice.pk)
        self.assertEqual(self.balances(), [-45, 45])

    def test_rivals_lose_nothing(self) -> None:
        """Four members pay round a ring at once; every minute is where the record says."""
        ring = [self.ada, self.dov, *(Member.objects.create(name=name, offers="-") for name in ("Eva", "Flo"))]

        def pay(giver: Member, receiver: Member) -> None:
            for _ in range(5):
                while True:
                    try:
                        transfer(giver_id=giver.pk, receiver_id=receiver.pk, minutes=7, reason="Ring")
                        break
                    except BusyError:
                        continue

        pairs = list(zip(ring, ring[1:] + ring[:1], strict=True))
        in_threads(*(lambda pair=pair: pay(*pair) for pair in pairs))
        self.assertEqual(Transfer.objects.count(), 20)
        self.assertEqual(self.balances(), [0, 0, 0, 0])
        for member in ring:
            received = member.received.aggregate(total=Sum("minutes"))["total"]
            self.assertEqual(received, 35)

    def test_database_itself_refuses_what_the_code_might_miss(self) -> None:
        """Check constraints hold for the admin and for SQL as well."""
        wrong = (
            lambda: Transfer.objects.create(giver=self.ada, receiver=self.ada, minutes=60, reason="-"),
            lambda: Transfer.objects.create(giver=self.ada, receiver=self.dov, minutes=0, reason="-"),
            lambda: Transfer.objects.create(giver=self.ada, receiver=self.dov, minutes=481, reason="-"),
            lambda: Notice.objects.create(member=self.ada, text="-", minutes=0),
            lambda: Member.objects.update(balance_minutes=-OVERDRAFT_MINUTES - 1),
        )
        for number, write in enumerate(wrong):
            with self.subTest(number), self.assertRaises(IntegrityError):
                write()


class SerializableTests(TransactionTestCase):
    """Two rivals read the same balance before either writes: the case that loses an update."""

    def setUp(self) -> None:
        self.member = Member.objects.create(name="Ada", offers="Sums")
        self.both_have_read = Barrier(2, timeout=10)
        self.mine = local()
        self.attempts: list[int] = []

    def add_an_hour(self) -> None:
        member = Member.objects.get(pk=self.member.pk)
        self.attempts.append(1)
        if not getattr(self.mine, "met", False):
            self.mine.met = True
            self.both_have_read.wait()
        member.balance_minutes += 60
        member.save()

    def total(self) -> int:
        self.member.refresh_from_db()
        return self.member.balance_minutes

    def test_loser_of_a_race_runs_again(self) -> None:
        """Both hours count, and it took three attempts."""
        work = serializable(attempts=5)(self.add_an_hour)
        in_threads(work, work)
        self.assertEqual((self.total(), len(self.attempts)), (120, 3))

    def test_plain_transaction_loses_an_update(self) -> None:
        """The control: without the isolation level an hour is gone, and nobody is told."""
        work = transaction.atomic(self.add_an_hour)
        in_threads(work, work)
        self.assertEqual((self.total(), len(self.attempts)), (60, 2))

    def test_attempts_are_bounded(self) -> None:
        """The loser gives up after its last attempt and says so."""

        def last_attempt() -> str:
            try:
                serializable(attempts=1)(self.add_an_hour)()
            except BusyError:
                return "busy"
            return "done"

        self.assertCountEqual(in_threads(last_attempt, last_attempt), ["busy", "done"])
        self.assertEqual(self.total(), 60)
