"""The commands for a whole tenant: its settings, its data as a file, and what was deleted from it.

The law of this room: every change is in the audit log.
"""
