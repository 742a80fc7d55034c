"""Tests of the invented feeds."""
