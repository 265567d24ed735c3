"""What a resource is (RFC 7643): the attribute tables, and all that follows from them.

The law of this room: an attribute's name and all its properties are in its row, and nowhere else.
"""
