"""What people are told: whether a customer is all right, why a request was refused, and how to fix it in which portal.

This room is data and pure functions. It knows neither Flask nor the database.
"""
