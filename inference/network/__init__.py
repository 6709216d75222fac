"""The network that tells vessel from bone: how it is made, trained, stored and run."""
