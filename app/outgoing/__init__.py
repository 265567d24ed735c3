"""HTTP requests that scimd itself sends.

The law of this room: no other room sends HTTP, but `check`, which tests other servers.
"""
