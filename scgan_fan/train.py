"""``python -m scgan_fan.train -opt FILE``: BasicSR's own training, from any folder, with the flags of its train.py.

Experiments and logs land in the working directory, not beside the installed BasicSR. Exit status: 0 when training is
done, 1 after an error, 143 or 130 when SIGTERM or SIGINT has stopped it and ``--auto_resume`` continues it.
"""
import os

from scgan_fan import compat, plugin  # noqa: F401  (registers everything)


def main() -> None:
    """Run BasicSR's training pipeline in the working directory."""
    import basicsr.train
    compat.mend_train_script(basicsr.train)
    basicsr.train.train_pipeline(os.getcwd())


if __name__ == '__main__':
    main()
