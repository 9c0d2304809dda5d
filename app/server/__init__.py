"""uvicorn as this service runs it: bounded, and with answers of its own that keep to the contract."""

from app.server.configuration import configuration

__all__ = ["configuration"]
