"""Symbols, transition graphs, fixed points and cycles."""
