"""The commands for sign-on: connections, apps, signing keys, mail domains.

The law of this room: a secret is printed once, by the command that makes it.
"""
