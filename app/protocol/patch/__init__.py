"""PATCH (RFC 7644 section 3.5.2): a message is read as operations, which make a new resource and membership changes.

Pure: nothing is read or stored here, and the resource handed in is never changed. A test compares the engine with
`tests/protocol/patch/reference.py`, which follows the RFC sentence by sentence.
"""
