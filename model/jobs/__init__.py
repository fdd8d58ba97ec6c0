"""One module a Processing algorithm: check the inputs, run the stages, write the outputs whole, keep the record.

Everything that arrives here is a path, a plain value or one of the dataclasses of ``inputs``.
"""
