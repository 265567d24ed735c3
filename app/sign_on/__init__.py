"""How people sign in: at their identity provider by SAML or OpenID Connect, and from there to the vendor's apps.

Only people who were provisioned and are active come in, and signing in changes no user. Nothing here knows Flask.
"""
