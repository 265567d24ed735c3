"""What scimd tells those who run it: a log line a request, and metrics. No secrets, no attribute values in either."""
