"""How requests work (RFC 7644, RFC 9865): messages, PATCH, Bulk, cursors, entity tags, profiles, and Entra's dialect.

Pure functions on JSON: nothing here knows Flask or MongoDB. Only `entra_dialect.py`, `entra_values.py`
and `profile.py` mention Entra.
"""
