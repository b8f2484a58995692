"""What people and the clock can do: one verb a file, the actor explicit, one transaction per change."""
