"""What the pages and files for operators are made of: lines of the log, and resources as people look at them.

The law of this room: nothing is counted or skipped, and nothing is read without a limit.
"""
