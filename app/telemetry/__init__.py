"""Logs and metrics, for operators: a line for each request, and numbers for Prometheus.

Neither contains a secret or the value of an attribute.
"""
