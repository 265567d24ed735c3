"""What MongoDB has to know of the tables: columns for filters, validators and indexes.

The law of this room: it describes documents, and never asks the database.
"""
