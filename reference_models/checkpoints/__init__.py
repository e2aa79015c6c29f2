"""Trained generators on disk, and what is drawn or translated with them."""
