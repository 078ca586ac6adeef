"""The README's table of settings, made from the settings themselves."""


def settings_table() -> str:
    """Make the Markdown table: variable, default, meaning."""
    from pydantic_core import PydanticUndefined

    from services.settings import Settings

    rows = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined else _default(field.default)
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `WIREROOM_{name.upper()}` | {default} | {meaning} |")
    return "\n".join(rows)


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
