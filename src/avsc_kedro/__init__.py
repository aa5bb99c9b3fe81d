"""Audio-visual scene classification in two training phases, as a Kedro project."""

__version__ = "0.1.0"
