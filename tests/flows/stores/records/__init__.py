"""Tests of text rows out of delivered files."""
