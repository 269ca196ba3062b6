"""Runs of studies of every kind: what they leave beside their output and in MLflow, and how they are found again."""
