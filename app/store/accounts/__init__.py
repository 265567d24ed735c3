"""Who may come: tenants and their credentials, what clients did lately, and what operators did.

An act of an operator and its line in the log are one write.
"""
