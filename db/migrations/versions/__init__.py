"""Numbered steps of the schema, run by `db.migrate`."""
