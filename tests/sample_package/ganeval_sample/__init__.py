"""What another package adds to ganeval."""

NUMBER = 3
