"""Endpoints, what is put aside for them, and the lease of the process that sends to them."""
