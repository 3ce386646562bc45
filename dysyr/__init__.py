"""dysyr: dynamical systems reconstruction and scientific machine learning."""

__version__ = "0.1.0"
