"""Small real data sets shipped with dysyr."""
