"""The role maps of tenants: which group gives which role, and how far their changes have been carried out.

Only `app.roles` changes what users have been given; nothing here is read by a request of SCIM.
"""
