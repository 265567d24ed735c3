"""Where events are pushed to, how far each endpoint has come, and what it has not accepted yet.

An endpoint has a place in the sequence instead of a queue: a document exists only for an event that was put aside.
"""
