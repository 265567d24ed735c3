"""Who may call: tenants and their credentials, their clients' recent activity, and the audit log of operators' acts.

An operator's act and its entry in the audit log are one transaction wherever the act itself is one. `sealing` seals
the secrets that any room stores.
"""
