"""The provisioning log: what was changed, by whom, what was refused, and why.

A change and its line are one transaction; each line knows its tenant and expires with the log.
"""
