"""The same work done by others: each peer reads the plain book and lands the same tables."""
