"""PATCH (RFC 7644 section 3.5.2): a message becomes operations, and those make a new resource and changes of members.

Pure: nothing is read or stored, and the resource handed in is never changed. The engine is compared with
`tests/protocol/patch/reference.py`.
"""
