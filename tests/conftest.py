"""Fixtures that every test may use: real servers, started once a session on sockets of their own."""

pytest_plugins = ["tests.servers_redis", "tests.servers_postgres", "tests.stores"]
