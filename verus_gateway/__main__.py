"""``python -m verus_gateway`` and the ``verus-gateway`` command."""

import sys

from verus_gateway.cli import main

if __name__ == "__main__":
    sys.exit(main())
