"""Inputs of attackers and of accidents, each with the outcome that the documents promise."""
