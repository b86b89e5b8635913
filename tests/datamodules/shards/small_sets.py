"""Small data sets in folders and in shards, and a web server that gives them out."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from datamodules.shards.write import write_shards
from datamodules.sources.folder import scan_folder

LICENCE = {"name": "CC0", "url": "https://example.org/cc0", "attribution": "nobody", "source": "test 1"}


def scan(folder: Path, verify: str = "decode"):
    return scan_folder(folder / "color", folder / "line", 0.3, verify, progress=False).drawings


def shard(folder: Path, out: Path, **options):
    listed = scan(folder, "header")
    return write_shards(listed, folder / "color", out, **{"licence": LICENCE, "progress": False} | options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Files(BaseHTTPRequestHandler):
    """A web server of one folder that knows ranges, and as S3 (path style) a bucket; it can be told to misbehave."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server = self.server
        server.requests.append((self.command, self.path, self.headers.get("Range")))
        path = server.folder / self.path.split("?")[0].removeprefix(server.prefix).lstrip("/")
        if server.signed and "Credential=dummy/" not in self.headers.get("Authorization", ""):
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        if not path.is_file():
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if server.failures:
            failure = server.failures.pop(0)
            if failure:
                return self.answer(failure, b"<Error><Code>SlowDown</Code></Error>")
            return self.part(path.read_bytes(), cut=True)
        if not server.ranges:
            return self.answer(200, path.read_bytes())
        return self.part(path.read_bytes())

    do_HEAD = do_GET

    def part(self, data: bytes, cut: bool = False) -> None:
        first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        if first >= len(data):
            return self.answer(416, b"")
        last = min(last, len(data) - 1)
        content = data[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": '"0"'}
        return self.answer(206, content, headers, sent=content[: len(content) // 2] if cut else content)

    def answer(self, status: int, content: bytes, headers: dict | None = None, sent: bytes | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if sent is None else sent)
        if sent is not None and len(sent) < len(content):
            self.close_connection = True

    def log_message(self, *_) -> None:
        """Not into the tests' output."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up in the middle of an answer is part of these tests."""
