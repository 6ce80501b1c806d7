"""Parts of the benchmark runner; run.py is where to start reading."""
