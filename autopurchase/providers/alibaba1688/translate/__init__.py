"""Pure translation between our words and the marketplace's: what we ask, and what its answers mean."""
