"""The guard of tenants, against the deactivation of many people at once, which is mostly a mistake.

A write that disables or deletes nobody knows nothing of it.
"""
