"""The training loop and all that a run keeps: networks, steps, losses, state, scores, logs, grids."""
