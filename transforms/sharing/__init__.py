"""What leaves the house: aggregates without small cells, and the forms in which others take it."""
