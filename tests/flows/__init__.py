"""Tests of what touches files, the warehouse and the clock."""
