"""Images made by networks: one contract for generators in memory and from files, for Python and the command line."""
