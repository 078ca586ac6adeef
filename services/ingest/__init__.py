"""Take events in: every way and form, one set of rules."""
