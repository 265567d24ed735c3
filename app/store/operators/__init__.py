"""What operators did, and how they and customers' administrators get into the web pages: links, and visits.

The law of this room: of each secret only the hash is stored.
"""
