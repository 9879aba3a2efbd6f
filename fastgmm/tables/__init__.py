"""Tables of numbers: their columns, by name or number."""
