"""A hub of models on this machine, as far as it is asked for a model's files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

REVISION = 40 * "a"


class Hub(BaseHTTPRequestHandler):
    """Answers what `huggingface_hub` asks for before it fetches: which files there are, and one of them."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            names = sorted(str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file())
            siblings = [{"rfilename": name} for name in names]
            self._send(json.dumps({"id": "nobody/model", "sha": REVISION, "siblings": siblings}).encode())
        else:
            self._send((self.folder / self.path.partition("/resolve/")[2].partition("/")[2]).read_bytes())

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": len(body), "ETag": '"e"', "X-Repo-Commit": REVISION}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Give the address of a hub whose every model is this folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, folder))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()
