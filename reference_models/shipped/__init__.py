"""Trained generators that come with the installation, by the names of their recipes; `table` lists them."""
