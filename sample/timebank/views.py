"""The pages of the time bank."""

from django.contrib import messages
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from gallery.models import Picture

from timebank.forms import GiveForm
from timebank.models import Member, Notice, Transfer
from timebank.serializable import BusyError
from timebank.templatetags.durations import duration
from timebank.transfer import RefusedError, transfer


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    exchanged = Transfer.objects.aggregate(minutes=Sum("minutes", default=0))["minutes"]
    return render(
        request,
        "timebank/home.html",
        {
            "notices": open_notices()[:6],
            "open_count": open_notices().count(),
            "transfers": Transfer.objects.select_related("giver", "receiver")[:7],
            "member_count": Member.objects.count(),
            "exchanged_hours": exchanged // 60,
            "pictures": Picture.objects.all()[:4],
        },
    )


def open_notices() -> QuerySet[Notice]:
    return Notice.objects.filter(settled=None).select_related("member")


@require_safe
def members(request: HttpRequest) -> HttpResponse:
    """Everybody, or those whose name starts with `q`."""
    query = request.GET.get("q", "").replace("\0", "").strip()[:60]
    return render(request, "timebank/members.html", {"members": members_named(query), "query": query})


def members_named(prefix: str) -> QuerySet[Member]:
    everybody = Member.objects.all()
    return (everybody.filter(name__istartswith=prefix) if prefix else everybody)[:200]


@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest) -> HttpResponse:
    form = GiveForm(request.POST or None, initial=_asked_for(request.GET.get("notice", "")))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            done = transfer(
                giver_id=data["giver"].pk,
                receiver_id=data["receiver"].pk,
                minutes=data["minutes"],
                reason=data["reason"],
                notice_id=data["notice"],
            )
        except (RefusedError, BusyError) as error:
            form.add_error(None, str(error))
        else:
            thanks = f"{done.receiver} helped {done.giver}: {duration(done.minutes)} in the books."
            messages.success(request, thanks)
            return redirect("home")
    return render(request, "timebank/give.html", {"form": form}, status=422 if form.errors else 200)


def _asked_for(notice_id: str) -> dict[str, object]:
    """What a notice fills in beforehand: who had help, for how long, and why."""
    notice = open_notices().filter(pk=notice_id).first() if notice_id.isdecimal() else None
    if notice is None:
        return {}
    return {"giver": notice.member_id, "minutes": notice.minutes, "reason": notice.text, "notice": notice.pk}
