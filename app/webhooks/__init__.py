"""Webhooks over HTTP, and what sends to them."""
