"""``python -m scgan_fan.test -opt FILE``: BasicSR's own testing, from any folder, with the flags of its test.py."""
import os

from scgan_fan.command_line import parser


def main() -> None:
    """Run BasicSR's test pipeline in the working directory."""
    parser(trains=False).parse_args()
    import basicsr.test

    from scgan_fan import compat, plugin  # noqa: F401  (registers everything)
    compat.apply()
    basicsr.test.parse_options = compat.parse_options
    basicsr.test.test_pipeline(os.getcwd())


if __name__ == '__main__':
    main()
