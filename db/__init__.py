"""Tables, engine, migrations and the audit chain. Knows nothing of images or statistics."""
