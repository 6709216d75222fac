"""A study of AI against manual post-processing: protocol, allocation, recording, reading, analysis, report."""
