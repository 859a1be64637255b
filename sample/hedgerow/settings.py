"""Settings of the sample site: what differs between places comes from the environment, the rest is here."""

import os
import socket
import sys
from pathlib import Path

from hedgerow.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = Environment(values=os.environ).flag("DEBUG")
env = Environment(values=os.environ, local=DEBUG, building=sys.argv[1:2] == ["collectstatic"])

RELEASE = os.environ.get("RELEASE") or "local"
REPLICA = os.environ.get("REPLICA") or socket.gethostname()

SECRET_KEY = env.secret("SECRET_KEY")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "timebank",
    "gallery",
    "probe",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "hedgerow.urls"
WSGI_APPLICATION = "hedgerow.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "probe.identity.context",
            ],
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": env.text("DATABASE_HOST", local="localhost"),
        "PORT": env.text("DATABASE_PORT", local="5432"),
        "NAME": env.text("DATABASE_NAME", local="hedgerow"),
        "USER": env.text("DATABASE_USER", local="hedgerow"),
        "PASSWORD": env.secret("DATABASE_PASSWORD"),
        # A connection lives with its thread, and is tried before each request that finds it idle.
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        # A database that has silently gone is noticed in seconds, not after the kernel's two hours.
        "OPTIONS": {
            "connect_timeout": 3,
            "keepalives_idle": 60,
            "keepalives_interval": 10,
            "keepalives_count": 5,
            "tcp_user_timeout": 30_000,
            "application_name": f"{RELEASE}/{REPLICA}"[:63],
        },
    },
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or BASE_DIR / "static-root")
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT") or BASE_DIR / "media-root")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
# Nginx reads what this process writes, under another user and whatever the umask is.
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

TLS_ENABLED = env.flag("TLS_ENABLED")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = TLS_ENABLED
SECURE_REDIRECT_EXEMPT = [r"^health/$"]  # asked inside the stack, where there is no TLS
if TLS_ENABLED:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

# Without DEBUG, Django would mail errors to admins and print nothing; here they go to the container's log.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"level": "INFO", "propagate": True},
    },
}
