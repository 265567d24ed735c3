"""The way of a person through a sign-in: started here, answered by the identity provider, finished here.

The only room that decides whether somebody comes in; every refusal is one of `reasons`, and one event in the log.
"""
