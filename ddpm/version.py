"""The version of the library and of the studio."""

__version__ = "0.1.0"
