"""What a file of weights must never get to do."""
import os


class Dangerous:
    """Whoever unpickles it makes the file ``code_was_run`` in the working directory."""

    def __reduce__(self):
        return os.system, ('touch code_was_run',)
