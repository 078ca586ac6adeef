"""Word lists that are easy to read and to add to. Pure."""


def listed(words: str) -> frozenset[str]:
    """Return the words of a text, without the quotes and commas of a literal."""
    return frozenset(words.split())
