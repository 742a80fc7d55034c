"""Tests of expectations/: the engine, the rules and the suites."""
