"""From statistics to scores with errors: every requested metric on every row subset, and its null."""
