"""Stores: the edges of the house, one file each: deliveries in, the lake, the warehouse out."""
