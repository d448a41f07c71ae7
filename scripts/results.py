#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Read what tests print, and count, compare and tabulate it for the scripts.

The code is in the package results/, which says what each part does;
'scripts/results.py --help' lists the sub-commands.
"""

import sys

from results.cli import main

if __name__ == "__main__":
    sys.exit(main())
