"""Running work on a Dask cluster: many machines that share a storage.

A job is a call of a function of a module with plain arguments. It reads what it needs from the shared storage, writes
what it makes to a part file there, and returns a few plain values. So nothing large travels through the scheduler, and
a worker that dies costs the time of its job and nothing else::

    def predict_part(model: str, stack: str, tile: Block, part: str) -> dict:      # at the top of a module
        network = kept(load_network, model)             # loaded once a worker process, given back after the run
        ...
        save_part(part, values)
        return {"cells": 12}

    with connect(scheduler, progress, reads=[model, stack], folder=Path(output).parent) as cluster, \\
            parts_folder(output) as folder:
        jobs = [(model, stack, tile, str(folder / f"{number}.npy")) for number, tile in enumerate(tiles)]
        for number, result in cluster.run(predict_part, jobs, progress):           # as they are done; or ordered=True
            values = load_part(folder / f"{number}.npy", remove=True)

``connect`` is in ``connection``, ``save_partial_result``, ``load_partial_result`` and ``partial_results_folder`` in ``parts``, ``kept`` in
``worker``. A ``ScarpError`` that the function raises is raised here as it was.
"""
