"""`python -m homeroom` is the command line."""

from homeroom.cli import main

if __name__ == "__main__":
    main()
