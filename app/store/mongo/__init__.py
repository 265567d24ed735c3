"""MongoDB as scimd uses it: one client for each process, transactions, time budgets, indexes, and what failures mean.

Nothing in here knows what is stored.
"""
