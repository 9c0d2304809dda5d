"""What stands for a concept, signed, and all that bears it out."""
