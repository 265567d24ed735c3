"""The private mongod of a machine without MongoDB: its binary, its folder, its keeper process and its locks.

Nothing here knows what is stored.
"""
