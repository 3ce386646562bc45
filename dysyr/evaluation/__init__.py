"""Measures of a reconstruction, one file each, every score with its floor and ceiling."""
