"""The sender: one process at a time, which reads the events of each endpoint and sends them.

One thread reads, decides and writes; up to 32 others send.
"""
