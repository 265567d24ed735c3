"""The private mongod of a machine without MongoDB: its process, its locks and its keeper.

Nothing in here is about what is stored.
"""
