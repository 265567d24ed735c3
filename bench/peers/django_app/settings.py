"""The project's settings: SQLite as in django-scim2's demo, for many readers and writers."""

import os

SECRET_KEY = "only for a measurement"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_scim", "bench.peers.django_app"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "bench.peers.django_app.site.bearer_token"]
ROOT_URLCONF = "bench.peers.django_app.site"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["PEERS_DATABASE"],
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # A write does not wait for the disk, and readers do not wait for writers.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "django_app.User"
USE_TZ = True
SCIM_SERVICE_PROVIDER = {
    "NETLOC": "localhost",
    "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "Bearer token", "description": "A bearer token"}],
    "GROUP_MODEL": "bench.peers.django_app.models.Group",
    "EXPOSE_SCIM_EXCEPTIONS": True,
}
