"""From options to rows: what will run, the networks and their features, the metrics on them, the results."""
