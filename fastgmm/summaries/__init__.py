"""A fitted mixture, or a choice among many, as a few lines of text or as HTML."""
