"""`python -m services` is the same as `wireroom`."""

import sys


def main() -> int:
    """Run one command with the arguments of this process; the exit code is 0 ok, 1 failed or 2 usage."""
    from services.cli.app import run  # noqa: PLC0415 (pool workers import this module and need no command line)

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
