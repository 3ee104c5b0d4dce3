"""The one exception that people cause and people can mend."""


class InputError(ValueError):
    """Something given to the plugin (a file, a folder, an option) cannot be used.

    The message is one line: what is wrong, where, and what to do about it. The command lines print it without a
    traceback; everything else is a defect of ours and keeps its traceback.
    """

    def __str__(self) -> str:
        # A data-loader worker re-raises with its whole traceback as the message; the line of interest is the last.
        return super().__str__().strip().splitlines()[-1].removeprefix('scgan_fan.errors.InputError: ')


def first_line(error: Exception) -> str:
    """What an error of another library says, short enough to stand within a line of ours."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


def check_choice(option: str, value, choices) -> None:
    """Raise InputError unless ``value`` is one of ``choices``; ``option`` is the name the user wrote it under."""
    if value not in choices:
        raise InputError(f'{option}: unknown value {value!r}; choose one of {", ".join(map(str, choices))}')
