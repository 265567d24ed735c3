"""The commands for what gives access to a tenant: tokens, OAuth 2.0 clients and trusted issuers.

The law of this room: a secret is printed once, by the command that creates it.
"""
