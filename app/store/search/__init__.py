"""How resources are found: a filter becomes queries that an index answers, and those become pages.

Reads the directory and never writes to it.
"""
