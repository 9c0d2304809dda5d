"""Errors as problem documents (RFC 9457): the catalogue, the exception and the handlers."""

from app.problems.problem import MEDIA_TYPE, Problem, document_response

__all__ = ["MEDIA_TYPE", "Problem", "document_response"]
