"""What is done later: chores in threads that every worker runs.

Each chore can be repeated and shared: workers do not interfere with each other, and any of them may be killed.
"""
