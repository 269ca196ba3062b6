"""The commands: thin ones, over the functions that Python has too. Nothing heavy is imported before one is called."""
