"""Phantom head-and-neck CTA with truth: procedural anatomy, lesions on demand, a scanner, and a moved unenhanced twin."""
