"""Tests of flows/stores/: the edges."""
