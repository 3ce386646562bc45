"""The figures of the report: arrays in, a matplotlib Figure out. No figure touches pyplot's global state."""
