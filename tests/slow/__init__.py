"""A slow second solver, written from the specification alone, and random ledgers to hold the fast pipeline against."""
