"""Arrays in, arrays out: the compiled loops and their slow reference twins."""
