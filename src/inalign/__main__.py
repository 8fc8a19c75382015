"""`python -m inalign`: the command."""

from inalign.cli import main

main(prog_name="inalign")
