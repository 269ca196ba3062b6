"""The studies that `consilience run NAME` takes: a YAML file each, and no code."""
