"""The card of one model, comparison tables, HTML reports."""
