"""`python -m mechanisms`: the command line."""

from mechanisms.cli import main

if __name__ == "__main__":
    main()
