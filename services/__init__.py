"""Wireroom's code. The flow is schemas/topics.py; the layers are docs/architecture.md."""

__version__ = "0.1.0"  # a test compares it with pyproject.toml; importlib.metadata costs 60 ms at every start
