"""`python -m tests.golden` rewrites every golden file; review the diff before it is committed."""

import sys

from tests.golden import pages, pinned

sys.stdout.write(f"{pinned.rewrite() + pages.rewrite()} golden files written\n")
