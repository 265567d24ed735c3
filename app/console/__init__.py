"""The web pages: the console for operators, and the setup pages for a customer's administrator.

The laws of this room: a view has at most eight lines and one decorator that says what it needs; nothing is read without
an index; a secret is in one answer and in no other.
"""
