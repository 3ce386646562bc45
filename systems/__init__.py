"""The catalogue of systems: one TOML file per system, data and no code."""
