"""Search for the arguments of a reconstructor by successive halving."""
