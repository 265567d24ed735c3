"""A small identity provider and a small app, for `scimd serve --demo` and for tests; a real service runs neither.

They know nothing of the rest of scimd and speak to it by SCIM and OpenID Connect only, as anybody else's would.
"""
