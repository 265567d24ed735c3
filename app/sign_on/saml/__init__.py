"""SAML 2.0 as identity providers speak it: a request by redirect, a response by POST, and everything else refused.

The only room that parses XML. `lxml` and `signxml` take 7 MB and 40 ms, so they are imported by the first response.
"""
