"""What holds a metric of your own to its declarations; see `check_metric`."""

from consilience.engine.testing import check_metric

__all__ = ["check_metric"]
