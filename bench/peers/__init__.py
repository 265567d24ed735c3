"""scimd beside other SCIM servers in Python: the same load, by turns, in one run; `__main__.py` has the command.

`memory_app.py` and `django_app/` run in the peers' environment: they import nothing of scimd.
"""
