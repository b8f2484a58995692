"""What is told of the work: cells of the journal, and the files they leave in."""
