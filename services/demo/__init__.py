"""A newsroom, its partners and its readers, made up: live traffic for trying Wireroom out."""
