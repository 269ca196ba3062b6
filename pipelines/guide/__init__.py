"""The guide to the metrics: `python -m consilience.pipelines.guide docs/metrics.md`."""
