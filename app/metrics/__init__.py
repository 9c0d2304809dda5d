"""Prometheus metrics: base units, bounded labels."""
