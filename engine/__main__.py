"""`python -m engine VERB …`: the Pulumi CLI's verbs, without the CLI."""

import sys

from engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
