"""Extraction: a model's features of a stimulus set, by replicas over deterministic shards, into a feature table.

- ``interfaces``  what a model and a stimulus set must offer
- ``pools``       one vector a sample, by the layer's axes
- ``widths``      how wide they are; ``projecting`` makes them narrower, at random
- ``shards``      the fixed split into parts and batches
- ``job``         what is to be extracted, settled before anything is loaded; the digest
- ``settings``    how a model is computed: types, weights, devices, batches
- ``loading``     a model loaded as a job wants it; ``memory`` has it reuse what it frees
- ``fitting``     how many samples go through a model at once within a bound on memory, by ``peaks`` of it
- ``reading``     samples read and made into model inputs, on threads
- ``replica``     one loaded model: read, preprocess, forward, pool, write; a ``receipt`` for every shard
- ``queue``       which shard is next, and what a death means
- ``placement``   what a replica asks of the cluster, and whether there is room
- ``work``        one table: its shards, its replicas, which shard is late
- ``scheduler``   which model has which room, which replica which shard
- ``actors``      the replicas as Ray actors; ``meters`` what they count for Prometheus
- ``unloadable``  what cannot be sent to them, or made there
- ``runlog``      what became of every shard, kept beside the table; ``recorder`` writes it, ``costs`` sums it up
- ``cluster``     Ray, found or started
- ``driver``      all of it together
"""

from consilience.engine.extraction.cluster import ray_running
from consilience.engine.extraction.driver import Extraction, extract, extract_all
from consilience.engine.extraction.job import plan_job, table_spec

__all__ = ["Extraction", "extract", "extract_all", "plan_job", "ray_running", "table_spec"]
