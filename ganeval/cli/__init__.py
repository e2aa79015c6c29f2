"""The command line: one file a command, loaded when it is called, so that `ganeval --help` imports no torch."""
