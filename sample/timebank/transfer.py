"""Moving time from one member to another: the books always balance."""

from django.utils import timezone

from timebank.models import OVERDRAFT_MINUTES, Member, Notice, Transfer
from timebank.serializable import serializable


class RefusedError(Exception):
    """The time bank does not allow this transfer; the text says why, in words for the members."""


@serializable(attempts=8)
def transfer(*, giver_id: int, receiver_id: int, minutes: int, reason: str, notice_id: int | None = None) -> Transfer:
    """Write one transfer and both balances, and settle the notice that asked for the help, if there is one.

    The plain read, check and write below is safe because the transaction is SERIALIZABLE: whoever changed one
    of these rows in between makes this attempt fail and run again. Raises RefusedError and BusyError.
    """
    members = Member.objects.in_bulk([giver_id, receiver_id])
    giver, receiver = members[giver_id], members[receiver_id]
    if giver.balance_minutes - minutes < -OVERDRAFT_MINUTES:
        raise RefusedError(
            f"{giver} cannot give that much: nobody falls more than {OVERDRAFT_MINUTES // 60} hours behind."
        )
    giver.balance_minutes -= minutes
    receiver.balance_minutes += minutes
    for member in sorted((giver, receiver), key=lambda member: member.pk):  # one order, so no deadlock
        member.save(update_fields=["balance_minutes"])
    if notice_id and not Notice.objects.filter(pk=notice_id, settled=None).update(settled=timezone.now()):
        raise RefusedError("This notice has been settled already.")
    return Transfer.objects.create(giver=giver, receiver=receiver, minutes=minutes, reason=reason)
