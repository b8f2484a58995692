"""Where marketplaces push messages to: a small HTTP endpoint of its own, apart from the pages and off by default."""
