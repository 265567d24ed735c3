"""The commands for the web pages: links into them, and who is in.

The law of this room: a secret is printed once, by the command that makes it.
"""
