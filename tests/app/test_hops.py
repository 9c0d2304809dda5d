"""What an answer costs besides its work: no hops between threads, no looks through what stays for ever."""

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.main import ROUTERS
from sepme_core.settings import Settings

SERVING = "uvicorn.Server.run = lambda server: print(gc.get_freeze_count(), len(gc.get_objects()))"


def calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from calls(each)


def test_whatever_a_request_depends_on_is_made_without_another_thread() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = {call for route in routes for call in [route.endpoint, *calls(route.dependant)]}
    assert len(found) > len(routes)
    assert [call for call in found if not inspect.iscoroutinefunction(call)] == []


def test_what_the_front_end_is_made_of_is_not_searched_for_garbage_while_it_serves(settings: Settings) -> None:
    program = f"import gc, uvicorn; from app.__main__ import main; {SERVING}; main()"
    environment = os.environ | {"SEPME_HOME": str(settings.home), "SEPME_DATABASE_URL": settings.database_url}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    frozen, searched = map(int, found.stdout.split())
    assert frozen > 10 * searched
