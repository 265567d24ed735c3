"""Roles from groups: which roles people have by their groups, and events for those whose roles have changed.

A write of SCIM knows nothing of roles. A worker follows the numbered events and looks at the people whom they concern.
"""
