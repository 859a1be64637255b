"""What Gunicorn runs: `gunicorn hedgerow.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hedgerow.settings")
application = get_wsgi_application()
