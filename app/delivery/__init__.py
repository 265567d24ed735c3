"""What is sent out about changes: events as webhooks, and as security event tokens.

The law of this room: it changes nothing in a directory, and SCIM never waits for it.
"""
