"""`python -m ganeval`: the command line where the console script is not on the PATH."""

from ganeval.cli.main import main

main()
