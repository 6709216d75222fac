"""Tables, engine, migrations and audit chain. Knows nothing of images or statistics."""
