"""What users type: the `sepme` command. It starts the other rooms as processes and imports none of them."""

__version__ = "0.1.0"
