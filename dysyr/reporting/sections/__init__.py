"""The sections of the report: a Card in, a Section out, or None where there is nothing to show."""
