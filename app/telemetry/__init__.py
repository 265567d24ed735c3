"""What scimd tells the people who run it: one log line for each request, and metrics.

Neither has secrets or attribute values.
"""
