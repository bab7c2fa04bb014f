"""`python -m receiver`: the command line, also where no console script is installed."""

from receiver.cli import main
from receiver.local import lifeline

if __name__ == "__main__":
    lifeline.hold()
    main()
