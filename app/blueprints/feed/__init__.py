"""What consumers read over HTTP: `door` lets them in, `views` answer them.

The paths are beside SCIM's, with a door of their own: the credential may belong to all tenants.
"""
