"""The blocks of code in the project's documents."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page of Markdown in one language, in their order.

    Args:
        page: the page's path below the checkout.
        language: what stands behind the opening fence.
    """
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
