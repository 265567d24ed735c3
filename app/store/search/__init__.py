"""How resources are found: a filter becomes MongoDB queries that use an index, and their results become pages.

This room reads the directory and never writes to it.
"""
