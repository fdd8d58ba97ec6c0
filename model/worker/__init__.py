"""The core as a process of its own: calls come in as lines of JSON, progress and results go out the same way."""
