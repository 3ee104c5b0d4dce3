"""``python -m scgan_fan.test -opt FILE``: BasicSR's own testing, from any folder, with the flags of its test.py."""
import os

import scgan_fan  # noqa: F401  (makes basicsr importable and registers the plugin)


def main() -> None:
    """Run BasicSR's test pipeline in the working directory."""
    import basicsr.test
    basicsr.test.test_pipeline(os.getcwd())


if __name__ == '__main__':
    main()
