"""Enrich: say what is known about each article, by a list of pure steps."""
