"""What is read of a request: its URL, its body, its preference.

The law of this room: it knows no resource and no provider.
"""
