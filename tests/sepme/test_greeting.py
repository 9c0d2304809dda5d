import json
import shlex

from sepme.serve import greeting


def commands(lines: list[str]) -> list[list[str]]:
    """The curl commands among the lines, as a shell splits them."""
    text = "\n".join(lines).replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line.strip().startswith("curl")]


def body(command: list[str]) -> dict[str, object]:
    parsed = json.loads(command[command.index("-d") + 1])
    assert isinstance(parsed, dict)
    return parsed


def test_the_lines_speak_of_what_the_served_model_draws() -> None:
    suggestions = {"styles": ["flat"], "objects": ["fox"], "prompt": "a {object} in {style} style"}
    chosen = greeting.example({"suggestions": suggestions})
    erase, draw, draw_unmasked, restore = commands(greeting.lines_to_try("http://127.0.0.1:8000", chosen))
    assert "http://127.0.0.1:8000/concepts/flat/erase" in erase
    assert body(erase) == {"kind": "style", "prompts": ["flat"]}
    assert body(draw)["prompt"] == "a fox in flat style"
    assert body(draw_unmasked) == {**body(draw), "erased": []}
    assert restore[-3:] == ["-sX", "DELETE", "http://127.0.0.1:8000/concepts/flat"]


def test_a_model_without_a_card_gets_an_example_that_models_know() -> None:
    chosen = greeting.example({"suggestions": {"styles": [], "objects": [], "prompt": ""}})
    assert chosen.prompt == "a cat in the style of Van Gogh"
    assert chosen.name == "van-gogh"


def test_an_apostrophe_survives_the_shell() -> None:
    chosen = greeting.Example(style="Children's book", prompt="a cat in a children's book")
    erase, draw, *_ = commands(greeting.lines_to_try("http://127.0.0.1:8000", chosen))
    assert body(erase)["prompts"] == ["Children's book"]
    assert body(draw)["prompt"] == "a cat in a children's book"
    assert erase[2].endswith("/concepts/children-s-book/erase")
