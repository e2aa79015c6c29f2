"""What is wrong with a set of images before one trusts a score: measures, a table of checks, what damage does to fd."""
