"""One number with its protocol and provenance, and the files of such rows. No torch."""
