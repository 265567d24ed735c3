"""How a request is answered: responses, streamed bodies and errors.

The law of this room: the media type and the headers of every response are set here.
"""
