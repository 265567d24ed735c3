"""What all pages share: who may come in, headers, forms, how values are shown, and errors as pages."""

from app.console.frame.access import Need
from app.console.frame.door import acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import page
from app.console.frame.parts import customer, directory, events, parts, visit
from app.console.frame.sites import console, setup
from app.console.frame.wrong import Wrong, missing, not_ours

__all__ = [
    "Form", "Need", "Wrong", "acting", "back", "console", "customer", "directory", "events", "missing", "not_ours",
    "page", "parts", "setup", "visit",
]
