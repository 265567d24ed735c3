"""The pages of the demo's identity provider and app: one frame, no scripts."""

from __future__ import annotations

from flask import render_template_string

_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 32rem; margin: 12vh auto 0; padding: 0 1rem }
h1 { font-size: 1.4rem }
button, .button { display: block; width: 100%; box-sizing: border-box; margin: .5rem 0; padding: .7rem 1rem;
  font: inherit; text-align: left; text-decoration: none; color: inherit; background: transparent; border: 1px solid;
  border-radius: .5rem; cursor: pointer }
small { display: block; opacity: .7 }
table { border-collapse: collapse } td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top }
th { white-space: nowrap }
td { overflow-wrap: anywhere }
</style>
<h1>{{ title }}</h1>
BODY
</html>"""


def page(title: str, body: str, **values: object) -> str:
    """Return a page; `body` is a Jinja2 template, in which the values are escaped."""
    return render_template_string(_FRAME.replace("BODY", body), title=title, **values)
