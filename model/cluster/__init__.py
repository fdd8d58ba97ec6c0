r"""Running work on a Dask cluster: many machines that share a storage.

A job is a call of a function of a module with plain arguments. It reads what it needs from the shared storage, writes
what it makes to a file there, and returns a few plain values. So nothing large travels through the scheduler, and a
worker that dies costs the time of its job and nothing else::

    def predict_part(model: str, stack: str, tile: Block, part: str) -> dict:      # at the top of a module
        network = cached(load_network, model)           # loaded once per worker process, dropped after the run
        ...
        save_partial_result(part, values)
        return {"cells": 12}

    with connect(scheduler, progress, reads=[model, stack], folder=Path(output).parent) as cluster, \
            partial_results_folder(output) as folder:
        jobs = [(model, stack, tile, str(folder / f"{number}.npy")) for number, tile in enumerate(tiles)]
        for number, result in cluster.run(predict_part, jobs, progress):           # as completed; or ordered=True
            values = load_partial_result(folder / f"{number}.npy", remove=True)

A ``ScarpError`` that the function raises is raised here as it was.
"""
