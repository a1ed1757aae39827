"""`python -m synthdata` is the command `synthdata`."""

from synthdata.cli import main

main()
