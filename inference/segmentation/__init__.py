"""Three ways to tell vessel from bone: threshold (the baseline), network, and subtraction of an unenhanced scan."""
