"""Whether the process lives and what of its surroundings is up."""
