"""The quality gate: is a candidate worse than its recorded baseline by more than was agreed? Loads no torch."""
