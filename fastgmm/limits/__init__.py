"""What may be: of a value that a user gave, and of memory."""
