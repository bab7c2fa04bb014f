"""`python -m receiver`: the command line, also where no console script is installed."""

from receiver.cli import main

if __name__ == "__main__":
    main()
