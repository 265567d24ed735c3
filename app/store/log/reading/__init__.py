"""How a log is read: in pages, newest first, and at its end as it grows.

No page counts or skips lines; each begins at a place.
"""
