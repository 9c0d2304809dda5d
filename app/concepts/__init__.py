"""Concepts: erase one, look at them, restore, purge."""
