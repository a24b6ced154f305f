"""How the demo models come to be: corpus from the sample world, training, export. Not needed to run."""
