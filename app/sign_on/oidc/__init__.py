"""How people sign in at an identity provider that speaks OpenID Connect: the authorization code flow with PKCE.

The identity provider's metadata and keys decide what is accepted; an ID token is read only once it has been verified.
"""
