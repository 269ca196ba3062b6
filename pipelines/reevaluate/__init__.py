"""Re-evaluation: what has changed since a baseline run, computed alone, and whether the scores have drifted by it."""
