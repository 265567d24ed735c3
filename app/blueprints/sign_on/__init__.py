"""Signing in over HTTP: the routes below a tenant's `/sign-on`, their pages, cookies and headers.

Whatever goes wrong here is answered with a page. No page has a script, and nothing is decided by the `Host` header.
"""
