"""The operators' pages: each answers one question."""
