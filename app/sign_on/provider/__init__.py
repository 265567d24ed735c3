"""scimd as OpenID provider: apps sign people in, and learn about them what the directory says.

Authlib's server checks requests and makes tokens; each module is stricter where its first lines say so.
"""
