"""How fast scimd is, measured side by side with a bare Flask + PyMongo app: `python -m bench`."""
