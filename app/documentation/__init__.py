"""The documentation of the calls at `/docs`: made from the OpenAPI document, with nothing loaded from elsewhere."""
