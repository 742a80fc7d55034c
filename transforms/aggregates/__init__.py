"""Aggregates of the portfolio: one module a table."""
