"""Benchmarks for asv; `common` holds the data, which `peers.py` uses too."""
