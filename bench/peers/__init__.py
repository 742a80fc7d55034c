"""The same work done by others: each peer reads the book as delivered and lands the same tables."""
