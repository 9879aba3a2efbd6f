"""Values become checked bytes and come back."""
