"""Byte ranges over HTTP and from S3: patient with a network, clear about what waiting will not mend."""

import logging
import os
import re
import secrets
import time
from abc import abstractmethod
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from datamodules.shards.byte_ranges import ByteRanges, ChangedFile, changed, too_large

log = logging.getLogger("linecolor")

DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each further try: a minute in all, which a restart of a server takes."""
_TIMEOUT = (10, 60)
"""Seconds to connect, and to wait for the next bytes."""
_CHUNK = 64_000_000
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class Unreachable(OSError):
    """A file could not be read, however often it was tried; the message names its address."""


class NoRanges(ValueError):
    """A server that sends whole files only."""


class _TryAgain(Exception):
    """A failure that may pass."""


class RemoteRanges(ByteRanges):
    """Files below an address, `root`; see `ByteRanges`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._process = -1
        self._connected: Any = None

    @abstractmethod
    def _connect(self) -> Any:
        """Whatever keeps the connections of this process."""

    @abstractmethod
    def _fetch(self, connection: Any, name: str, start: int, stop: int) -> tuple[str, bytes]:
        """One try: the answer's Content-Range and its body, no longer than requested."""

    def read(self, name: str, start: int, length: int, total: int) -> bytes:
        """See `ByteRanges`."""
        data, found = self._patiently(name, start, start + length)
        if found != total:
            raise changed(self.place(name), found, total)
        return data

    def read_whole(self, name: str, most: int) -> bytes:
        """See `ByteRanges`; in ranges, so that a server that knows none is found out here."""
        data, total = self._patiently(name, 0, _CHUNK)
        if total > most:
            raise too_large(self.place(name), most)
        rest = (self.read(name, start, min(_CHUNK, total - start), total) for start in range(_CHUNK, total, _CHUNK))
        return b"".join((data, *rest))

    def _patiently(self, name: str, start: int, stop: int) -> tuple[bytes, int]:
        """The bytes, and how many the whole file has."""
        for delay in (*DELAYS, None):
            if self._process != os.getpid() or self._connected is None:
                # A connection that two processes share answers each with what the other requested.
                self._process, self._connected = os.getpid(), self._connect()
            try:
                return self._checked(name, start, stop, *self._fetch(self._connected, name, start, stop))
            except _TryAgain as failure:
                if delay is None:
                    raise Unreachable(
                        f"{self.place(name)}: cannot be read, tried {len(DELAYS) + 1} times: {failure}. Start the same "
                        "command again when it can be reached; a run goes on from its last checkpoint"
                    ) from None
                # Workers that failed together must not come back together; training's random numbers stay alone.
                seconds = delay * (0.5 + secrets.randbelow(1000) / 1000)
                log.warning("%s: %s; trying again in %.0f s", self.place(name), failure, seconds)
                time.sleep(seconds)
        raise AssertionError("the last try returns or raises")

    def _checked(self, name: str, start: int, stop: int, content_range: str, data: bytes) -> tuple[bytes, int]:
        found = _CONTENT_RANGE.fullmatch(content_range)
        if not found:
            raise NoRanges(f"{self.place(name)}: the server's answer to a range has no Content-Range; it is not usable")
        first, last, total = map(int, found.groups())
        if first != start or last != min(stop, total) - 1:
            raise ChangedFile(
                f"{self.place(name)}: requested bytes {start}-{stop - 1}, the server sent {content_range}"
            )
        if len(data) != last + 1 - first:
            raise _TryAgain(f"only {len(data):,} of {last + 1 - first:,} bytes arrived")
        return data, total

    def _refuse(self, name: str, status: int, reason: str) -> Exception:
        """What a status other than 206 means."""
        place = self.place(name)
        if status in (404, 410):
            return FileNotFoundError(f"{place}: there is no such file ({status}); check data.root, or copy it there")
        if status in (401, 403):
            return PermissionError(f"{place}: access denied ({status} {reason}); check your credentials and data.root")
        if status == 416:
            return ChangedFile(f"{place}: is shorter than its index says; copy the shards and their index again")
        if status in (408, 429) or status >= 500:
            return _TryAgain(f"{status} {reason}")
        return NoRanges(f"{place}: the server answered {status} {reason} to a range request")


class HttpRanges(RemoteRanges):
    """Files below a web address, by range requests over kept connections.

    Proxies, certificates and .netrc are taken from the environment. A query (a signature, say) is kept behind every
    file's name and shown in no message.
    """

    def place(self, name: str) -> str:
        """The address without user, password and query."""
        parts = urlsplit(self._url(name))
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def _url(self, name: str) -> str:
        parts = urlsplit(self.root)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}", fragment=""))

    def _connect(self) -> Any:
        try:
            import requests
        except ModuleNotFoundError as error:
            raise ImportError(f"{self.root}: reading over HTTP needs requests; run: pip install requests") from error
        return requests.Session()

    def _fetch(self, connection: Any, name: str, start: int, stop: int) -> tuple[str, bytes]:
        import requests
        import urllib3

        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        try:
            with connection.get(self._url(name), headers=headers, stream=True, timeout=_TIMEOUT) as answer:
                if answer.status_code == 200:
                    raise NoRanges(
                        f"{self.place(name)}: the server does not support range requests, it sends whole files; serve "
                        "the shards with one that does (nginx, Apache, Caddy, S3), or copy them to a disk"
                    )
                if answer.status_code != 206:
                    raise self._refuse(name, answer.status_code, answer.reason)
                data = answer.raw.read(stop - start, decode_content=False)
                return answer.headers.get("Content-Range", ""), data
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise ValueError(f"data.root={self.place('')}: is no usable address ({type(error).__name__})") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _TryAgain(_first_cause(error)) from None


class S3Ranges(RemoteRanges):
    """Files below s3://bucket/prefix. Credentials, region and AWS_ENDPOINT_URL as boto3 finds them."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        parts = urlsplit(root)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if not self._bucket or "@" in self._bucket or parts.query:
            raise ValueError(f"{root}: is no S3 address; give s3://bucket/prefix, and credentials in the environment")

    def place(self, name: str) -> str:
        """The S3 address."""
        return f"s3://{self._bucket}/{self._key(name)}"

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _connect(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError as error:
            raise ImportError(f"{self.root}: reading from S3 needs boto3; run: pip install boto3") from error
        # Tried again in one place, here, where broken bodies are too.
        retries = {"total_max_attempts": 1, "mode": "standard"}
        config = Config(retries=retries, connect_timeout=_TIMEOUT[0], read_timeout=_TIMEOUT[1])
        # A session of its own: boto3's default one keeps credentials for as long as the process lives.
        return boto3.Session().client("s3", config=config)

    def _fetch(self, connection: Any, name: str, start: int, stop: int) -> tuple[str, bytes]:
        from botocore import exceptions

        try:
            answer = connection.get_object(Bucket=self._bucket, Key=self._key(name), Range=f"bytes={start}-{stop - 1}")
            with closing(answer["Body"]) as body:
                if answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
                    raise NoRanges(f"{self.place(name)}: the server does not support range requests")
                return answer.get("ContentRange", ""), body.read(stop - start)
        except exceptions.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            raise self._refuse(name, status, error.response.get("Error", {}).get("Code", "")) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise PermissionError(
                f"{self.place(name)}: {error}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            ) from None
        except (exceptions.ParamValidationError, exceptions.ProfileNotFound, exceptions.InvalidRegionError) as error:
            raise ValueError(f"{self.place(name)}: {error}") from None
        except exceptions.BotoCoreError as error:
            raise _TryAgain(_first_cause(error)) from None


def _first_cause(error: BaseException) -> str:
    """One line about a network error, without the addresses that libraries put into theirs."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    message = getattr(error, "strerror", None) or str(error)
    return " ".join(f"{type(error).__name__} {message}".split())[:200]
