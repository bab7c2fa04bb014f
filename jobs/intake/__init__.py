"""Taking in: what was acknowledged is committed once; what was not taken is kept as a note."""
