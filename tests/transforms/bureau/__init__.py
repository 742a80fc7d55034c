"""Tests of what credit bureaus are told."""
