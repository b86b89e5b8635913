"""`linecolor-app`: colour line art in the browser: paint hints, see the result, download it."""

import argparse
import errno
import shutil
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from linecolor.cli.parser import CommandParser
from linecolor.experiment.errors import USER_ERRORS, exit_code

_DESCRIPTION = """Colour line art in the browser: open a drawing, paint hints, see the result after each stroke,
download a PNG of the drawing's own size, or its layers for Krita and GIMP. Drawings stay on this machine: the page
loads nothing from other sites, and uploads are removed when they are closed, after an hour without use, or when the
server ends."""

_EXAMPLES = """examples:
  linecolor-app
  linecolor-app runs/mine --port 8080
  linecolor-app --host 0.0.0.0 --no-browser     for others on the network that you trust
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, also after Ctrl-C; 2 for a mistake in the request."""
    parser = CommandParser(prog="linecolor-app", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument(
        "bundle", nargs="?", metavar="BUNDLE_OR_RUN", help="a run, or its bundle/ folder (the bundled weights)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=7860, metavar="N", help="port; 0 takes a free one (%(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="(%(default)s)")
    parser.add_argument(
        "--max-megapixels", type=float, default=100, metavar="N", help="larger drawings are refused (%(default)s)"
    )
    options = parser.parse_args(arguments)
    return exit_code(lambda: serve(options), "linecolor-app", "stopped", USER_ERRORS)


def serve(options: argparse.Namespace) -> None:
    """Load the networks and serve until Ctrl-C.

    Raises:
        ImportError: the extra `app` is not installed.
        FileNotFoundError: there is no bundle.
        OSError: the address is taken, or is none.
        ValueError: a damaged bundle, an option out of range, or a device that is not there.
    """
    from linecolor.images import MAX_PIXELS

    if not 0 <= options.port <= 65535:
        raise ValueError(f"--port {options.port}: ports go from 0 (a free one) to 65535")
    if not 0.01 <= options.max_megapixels <= MAX_PIXELS / 1e6:
        raise ValueError(f"--max-megapixels {options.max_megapixels:g} must be 0.01 to {MAX_PIXELS / 1e6:g}")
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ImportError(f"needs {' and '.join(missing)}: pip install '.[app]'")
    import uvicorn

    from linecolor.web.server import Limits, make_app

    listener = _listen(options.host, options.port)
    with listener, suppress(KeyboardInterrupt):
        from linecolor.systems.line_colorizer import LineColorizer
        from linecolor.web.guard import LOOPBACK

        colorizer = LineColorizer.load(options.bundle, device=options.device)
        folder = Path(tempfile.mkdtemp(prefix="linecolor-app-"))
        try:
            local = options.host in LOOPBACK
            limits = Limits(pixels=round(options.max_megapixels * 1e6))
            app = make_app(colorizer, folder, limits, LOOPBACK if local else None)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                ws="none",
                lifespan="on",
                proxy_headers=False,
                server_header=False,
                limit_concurrency=128,  # connections, each of which may be half-way through an upload
                timeout_graceful_shutdown=5,
            )
            _announce(options.host, listener.getsockname()[1], local, not options.no_browser)
            # It ends by Ctrl-C or SIGTERM, after which its lifespan has removed the folder.
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _announce(host: str, port: int, local: bool, open_browser: bool) -> None:
    """Print the address of the page, and open it."""
    shown = f"[{host}]" if ":" in host else host
    if not local:
        print(f"linecolor-app: everybody who can reach {shown}:{port} can use it; there is no password")
    print(f"linecolor-app: http://{shown}:{port}/ (Ctrl-C ends it)", flush=True)
    if open_browser:
        # The socket listens already: the browser waits for the server.
        own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, shown)
        threading.Thread(target=webbrowser.open, args=[f"http://{own}:{port}/"], daemon=True).start()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened before the networks are loaded, so that a mistake shows at once."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise OSError(f"--host {host} is no address of this machine ({error.strerror})") from None
    try:
        return socket.create_server((address[0], port), family=family, backlog=128)
    except OSError as error:
        advice = "; end what listens there, or give --port 0 for a free one" if error.errno == errno.EADDRINUSE else ""
        raise OSError(f"cannot listen at {host}:{port} ({error.strerror}{advice})") from None


if __name__ == "__main__":
    sys.exit(main())
