"""Where tasks run: on threads of this process, on a Dask cluster, or on a Ray cluster through Dask-on-Ray.

One graph for all three (`graph`). On a cluster its tasks and what they share travel as bytes (`shipping`), to workers
that run the same source as this process (`code`). A cluster is opened once for all that is run inside (`sessions`).
"""
