"""The wall, and the form to hang a picture on it."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from gallery.forms import PictureForm
from gallery.models import Picture

KEPT_PICTURES = 200
"""Anybody may upload, so the wall has an end: the oldest come down first."""


@require_http_methods(["GET", "HEAD", "POST"])
def pictures(request: HttpRequest) -> HttpResponse:
    form = PictureForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        picture = form.save()
        take_down(Picture.objects.all()[KEPT_PICTURES:])
        messages.success(request, f"“{picture.title}” hangs on the wall.")
        return redirect("gallery")
    context = {"form": form, "pictures": Picture.objects.all()}
    return render(request, "gallery/pictures.html", context, status=422 if form.errors else 200)


def take_down(surplus: Iterable[Picture]) -> None:
    for picture in surplus:
        picture.delete()
        picture.image.delete(save=False)
