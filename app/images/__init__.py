"""Finished pictures and their records."""
