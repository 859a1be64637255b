"""Every address of the site."""

import gallery.views
import probe.views
import timebank.views
from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import path

admin.site.site_header = admin.site.site_title = "Hedgerow"
admin.site.index_title = "The books"

urlpatterns = [
    path("", timebank.views.home, name="home"),
    path("members/", timebank.views.members, name="members"),
    path("give/", timebank.views.give, name="give"),
    path("gallery/", gallery.views.pictures, name="gallery"),
    path("status/", probe.views.status, name="status"),
    path("health/", probe.views.health, name="health"),
    path("slow/", probe.views.slow, name="slow"),
    path("ping/", probe.views.ping, name="ping"),
    path("admin/", admin.site.urls),
    # With DEBUG only; in production Nginx serves the pictures.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
