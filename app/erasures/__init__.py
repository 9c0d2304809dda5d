"""Erasures of several concepts at once."""
