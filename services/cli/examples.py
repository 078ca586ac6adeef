"""The examples under a command's help."""


def examples(*lines: str) -> str:
    """Make an epilog that shows `lines` as they would be typed, one below the other."""
    head = "Example:" if len(lines) == 1 else "Examples:"
    return "\b\n" + "\n".join([head, *(f"  {line}" for line in lines)])  # \b: keep the line breaks
