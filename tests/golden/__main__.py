"""`python -m tests.golden` rewrites every golden file; review the diff before it is committed."""

import sys

from tests.golden.pinned import rewrite

sys.stdout.write(f"{rewrite()} golden files written\n")
