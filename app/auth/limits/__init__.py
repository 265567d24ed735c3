"""Limits on how much one tenant or address may use: requests and wrong credentials over time, threads at a time.

The law of this room: one caller at their limit never costs another one a request.
"""
