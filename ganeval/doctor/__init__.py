"""Problems of a set of images, before its score is trusted: measurements, a table of checks, effects on fd."""
