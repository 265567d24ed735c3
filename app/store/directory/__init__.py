"""What a tenant has, and how it is changed: resources, memberships, what was deleted, and totals.

Each change is one transaction, with its line in the log.
"""
