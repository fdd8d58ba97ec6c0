"""Running work on a Dask cluster: many machines that share a storage.

A job is a call of a function of a module with plain arguments. It reads what it needs from the shared storage, once per
process and run (:func:`.cached`), writes what it makes to a file there, and returns a few plain values. So nothing
large travels through the scheduler, and a worker that dies costs the time of its job and nothing else. The jobs of
``model/factors/block_pipeline.py`` show how. A ``ScarpError`` that the function raises is raised here as it was.
"""
