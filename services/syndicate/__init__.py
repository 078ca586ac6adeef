"""Decide which feeds carry an article, render its entry once per format, join documents from entries."""
