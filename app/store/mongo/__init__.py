"""MongoDB as scimd uses it: one client per process, transactions, time budgets, indexes, and the meaning of failures.

Nothing here knows what the collections hold.
"""
