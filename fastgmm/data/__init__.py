"""Rows as parts that can be passed over, and a sample of them."""
