"""The door: SCIM and OAuth 2.0 over HTTP.

A view reads the request, makes one call and answers. Flask is known here and in `app.assembly` only, and by its public
API only.
"""
