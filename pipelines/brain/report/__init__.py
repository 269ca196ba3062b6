"""The report of a brain study: one HTML file that works without a network."""
