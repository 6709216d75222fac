"""The desktop agent: counts clicks, keys and wheel steps in named applications, never titles, key names or screens."""
