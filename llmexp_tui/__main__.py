"""`python -m llmexp_tui` is the same program as `llmexp-tui`."""

import sys

from llmexp_tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
