"""Values to checked bytes and back."""
