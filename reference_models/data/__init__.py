"""Training data in memory, and the rules that make pairs out of photos."""
