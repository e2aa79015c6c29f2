"""Statistics files of other tools: read without running anything in them, and kept with the protocol they are of."""
