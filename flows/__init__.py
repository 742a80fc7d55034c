"""Flows: what runs, when and in what order; the only code that touches files, DuckDB, Prefect and the clock."""
