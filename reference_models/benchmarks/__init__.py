"""How fast models train and draw, beside the tutorials' plain loop."""
