"""Several processes in one run: how they were started, what they send each other, which share each has."""
