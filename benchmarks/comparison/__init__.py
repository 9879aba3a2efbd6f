"""fastgmm beside its peers: what `peers.py` runs."""
