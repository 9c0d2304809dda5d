"""Problems as the tests read them."""

import httpx


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """The status, and the last part of the problem's type."""
    return answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]
