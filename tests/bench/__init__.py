"""Tests of the benchmark: what is timed is the same work."""
