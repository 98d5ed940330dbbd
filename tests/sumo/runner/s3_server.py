"""moto's S3 server on the loopback address: remembers what it was asked, and can be held or made to refuse."""

from __future__ import annotations

import logging
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, str]
StartResponse = Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """One request: `path` is `/bucket/key`."""

    method: str
    path: str
    query: str


@dataclass
class S3Server:
    """Serves buckets that last as long as it does.

    `before` is called with every request, may wait, and may return a status and a code of S3 to answer instead.
    """

    asked: list[Asked] = field(default_factory=list)
    before: Callable[[Asked], Answer | None] = lambda _: None
    url: str = ""

    @contextmanager
    def serving(self) -> Iterator[S3Server]:
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 (not installed everywhere)
            DomainDispatcherApplication,
            create_backend_app,
        )
        from werkzeug.serving import make_server  # noqa: PLC0415 (as above)

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)
        server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _serve(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = Asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"])
        self.asked.append(asked)
        answer = self.before(asked)
        if answer is not None:
            status, code = answer
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{status} {code}", [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>{code} by the test</Message></Error>".encode()]

        def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            # werkzeug names itself in a header of its own, and aiohttp refuses two
            return start_response(status, [one for one in headers if one[0].lower() != "server"], *rest)

        answered: Iterable[bytes] = self._app(environ, start)
        return answered

    def puts(self) -> list[str]:
        """Return what was uploaded, in order."""
        return [one.path for one in self.asked if one.method == "PUT"]

    def make_bucket(self, name: str) -> None:
        self._say("PUT", f"/{name}")

    def fill(self, bucket: str, keys: Iterable[str]) -> None:
        """Put objects into a bucket, past HTTP: some thousand requests would take their time."""
        from moto.core import DEFAULT_ACCOUNT_ID  # noqa: PLC0415 (not installed everywhere)
        from moto.s3.models import s3_backends  # noqa: PLC0415 (as above)

        for key in keys:
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, b"{}")

    def ask_for_credentials(self) -> None:
        """Believe nobody from now on: no user was ever made here."""
        self._say("POST", "/moto-api/reset-auth", b"0")

    def reset(self) -> None:
        """Forget buckets, requests and orders."""
        self.before = lambda _: None
        self._say("POST", "/moto-api/reset-auth", b"Infinity")
        self._say("POST", "/moto-api/reset")
        self.asked.clear()

    def _say(self, method: str, path: str, body: bytes = b"") -> None:
        # signed by nobody, moto still takes the credential's scope to tell which service is meant
        credential = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
        headers = {"Content-Type": "text/plain", "Authorization": credential}
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)  # noqa: S310 (ours)
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 (ours)
            pass
