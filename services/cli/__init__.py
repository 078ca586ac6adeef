"""The command line: one file per group of commands, `app` gathers them, `wire` puts the parts together.

A command for a running service goes through its HTTP API (`client`). Nothing heavy is imported before a
command needs it: `wireroom --help` answers at once.
"""
