"""Fuzzing of everything that reads a stranger's bytes: a value comes out, or an error of ours, and nothing else."""
