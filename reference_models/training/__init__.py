"""The training loop and the parts of a run: networks, steps, losses, state, scores, logs, grids."""
