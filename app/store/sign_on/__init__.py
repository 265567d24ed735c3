"""What sign-on stores: connections, sign-ins, sessions, apps and what they are given, signing keys.

The law of this room: every document of a tenant names it, and what must be readable again is sealed
(`app/store/accounts/sealing.py`).
"""
