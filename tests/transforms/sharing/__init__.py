"""Aggregates by hand."""
