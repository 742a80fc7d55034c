"""Golden ledgers: one folder a story, with what lands before each night and what must be published then."""
