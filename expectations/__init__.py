"""Expectations: one suite a feed, one a published table; every check with its severity and its why."""
