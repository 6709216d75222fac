"""One module per verb; each has `register(app)` and imports only typer at the top."""
