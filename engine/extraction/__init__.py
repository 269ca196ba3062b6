"""Extraction: a model's features of a stimulus set, by Ray actors over deterministic shards, into a feature table.

- ``interfaces``  what a model and a stimulus set must offer
- ``pools``       one vector a sample, by the layer's axes
- ``shards``      the fixed split into parts and batches
- ``job``         what is to be extracted, settled before anything is loaded; the digest
- ``replica``     one loaded model: read, preprocess, forward, pool, write
- ``queue``       which shard is next, and what a death means
- ``cluster``     Ray, found or started
- ``driver``      all of it together
"""

from consilience.engine.extraction.cluster import ray_running
from consilience.engine.extraction.driver import extract
from consilience.engine.extraction.job import plan_job, table_spec

__all__ = ["extract", "plan_job", "ray_running", "table_spec"]
