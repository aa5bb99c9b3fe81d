"""The one error a user can act on."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message names the file or key, what was expected, what was received and
    the next step. The command line prints it as one line without a traceback.
    """
