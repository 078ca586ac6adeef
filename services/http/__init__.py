"""The one port: the API, the feeds, health and documents."""
