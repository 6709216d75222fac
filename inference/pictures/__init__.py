"""The pictures a technologist used to make by hand: MIP, VR and the case sheet."""
