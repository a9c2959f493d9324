"""A web server on this machine that behaves badly on request."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serve `files` by name. `script[name]` lists how to answer the next requests; afterwards all is well.

    An answer is "fine", "no range" (as if Range were not understood), "cut" (half of what is promised), "other range"
    (begins at 0 whatever was asked), "endless" (ten times more than needed, no length), a status as "503", or an
    address to redirect to. `log` holds name and Range of each request; `during` is called in the midst of each body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.script: dict[str, list[str]] = defaultdict(list)
        self.log: list[tuple[str, str | None]] = []
        self.agents: set[str | None] = set()
        self.during: Callable[[], object] = lambda: None
        self.address = f"http://127.0.0.1:{self.server_port}"

    def asked(self, name: str) -> list[str | None]:
        return [value for asked, value in self.log if asked == name]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        name, wanted = self.path.lstrip("/"), self.headers.get("Range")
        self.server.log.append((name, wanted))
        self.server.agents.add(self.headers.get("User-Agent"))
        script = self.server.script[name]
        answer = script.pop(0) if script else "fine"
        if "://" in answer:
            self.send_response(302)
            self.send_header("Location", answer)
            self.end_headers()
            return
        if answer.isdigit() or name not in self.server.files:
            self.send_error(int(answer) if answer.isdigit() else 404)
            return
        content = self.server.files[name]
        begin = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and answer != "no range" else 0  # type: ignore[index]
        if begin and begin >= len(content):
            self.send_error(416)
            return
        if answer == "other range":
            begin = 0
        self.send_response(206 if wanted and answer != "no range" else 200)
        if wanted and answer != "no range":
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        body = content[begin:]
        if answer != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if answer == "endless":
            body = 10 * body
        elif answer == "cut":
            body = body[: len(body) // 2]
        try:
            self.wfile.write(body[: len(body) // 2])
            self.server.during()
            self.wfile.write(body[len(body) // 2 :])
        except OSError:
            pass  # the other side has hung up, as some tests want


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
