"""What consumers see: the changes of one tenant or of all, in order, and snapshots to begin with.

Nothing here writes: an event is what its change has left, and everything that a consumer remembers is in its cursor.
"""
