"""Timings that can be repeated: whole processes against other tools in one run, and stages against measured limits."""
