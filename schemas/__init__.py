"""What flows through Wireroom: frozen models, no clock, no I/O. `topics` is the map."""
