"""Files in a bucket of an S3-like store. The one file that knows its client, and imported only where a bucket is configured.

A file goes up in parts of 5 MiB, the least that S3 takes, so that no more than one of them is in memory; it can be read only when
all parts were joined. A small one goes up whole. Never here: making the bucket.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from homeroom.records.files.store import PIECE, Away, Missing, NoRoom, checked_name

PART = 5 * 1024 * 1024
_GONE = frozenset({"NoSuchKey", "NoSuchUpload", "404"})
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is, and who may use it. Without `endpoint` it is Amazon's; without keys the client looks for its own.

    `prefix` stands before every name. Times in seconds: to connect, and between two bytes of an answer.
    """

    name: str
    endpoint: str | None = None
    region: str = "us-east-1"
    prefix: str = ""
    access_key: str | None = None
    secret_key: str | None = None
    connect_s: float = 3.0
    read_s: float = 20.0


class S3Store:
    """Files in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            aws_access_key_id=bucket.access_key,
            aws_secret_access_key=bucket.secret_key,
            config=Config(
                connect_timeout=bucket.connect_s,
                read_timeout=bucket.read_s,
                retries={"total_max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path" if bucket.endpoint else "auto"},
                # stores that are not Amazon's know no other checksums
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def begin(self, name: str) -> "S3Sink":
        """Begin a file: nothing is sent yet."""
        return S3Sink(self, checked_name(name))

    def open(self, name: str, start: int, length: int) -> "S3Source":
        """Open a part of a file."""
        span = {"Range": f"bytes={start}-{start + length - 1}"} if length else {}
        return S3Source(self.ask("get_object", name, **span)["Body"], length)

    def size(self, name: str) -> int:
        """Return the size of a finished file."""
        return int(self.ask("head_object", name)["ContentLength"])

    def remove(self, name: str) -> None:
        """Remove a file, and what parts of it went up without being joined."""
        self.ask("delete_object", name)
        key = self._key(name)
        with _told():
            found = self._client.list_multipart_uploads(Bucket=self._bucket.name, Prefix=key)
        for upload in found.get("Uploads", ()):
            if upload["Key"] == key:
                with suppress(Missing):
                    self.ask("abort_multipart_upload", name, UploadId=upload["UploadId"])

    def ask(self, what: str, name: str, **options: Any) -> Mapping[str, Any]:
        """Ask the store for something about one file."""
        with _told():
            answer: Mapping[str, Any] = getattr(self._client, what)(
                Bucket=self._bucket.name, Key=self._key(name), **options
            )
            return answer

    def _key(self, name: str) -> str:
        return self._bucket.prefix + checked_name(name)


class S3Sink:
    """A file on its way in: what is not a whole part yet waits in memory."""

    def __init__(self, store: S3Store, name: str) -> None:
        self._store = store
        self._name = name
        self._waiting = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        """Take more bytes, and send a part when there is one."""
        self._waiting += data
        while len(self._waiting) >= PART:
            self._send(bytes(self._waiting[:PART]))
            del self._waiting[:PART]

    def finish(self) -> None:
        """Send what waits and have the store join the parts; a file of less than one part goes up whole."""
        rest = bytes(self._waiting)
        if self._upload is None:
            self._store.ask("put_object", self._name, Body=rest)
            return
        if rest:
            self._send(rest)
        self._store.ask(
            "complete_multipart_upload", self._name, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
        )

    def discard(self) -> None:
        """Have the store forget what went up, joined or not."""
        self._waiting.clear()
        with suppress(Away, NoRoom):
            self._store.remove(self._name)

    def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = str(self._store.ask("create_multipart_upload", self._name)["UploadId"])
        number = len(self._parts) + 1
        sent = self._store.ask("upload_part", self._name, UploadId=self._upload, PartNumber=number, Body=part)
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})


class S3Source:
    """A part of a file on its way out."""

    def __init__(self, body: Any, length: int) -> None:
        self._body = body
        self._left = length

    def read(self) -> bytes:
        """Return the next bytes."""
        size = min(PIECE, self._left)
        with _told():
            data: bytes = self._body.read(size) if size else b""
        if size and not data:
            raise Away("the file ends too early")
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()


@contextmanager
def _told() -> Iterator[None]:
    """Raise what the client says as what the interface says; never with the store's own words, which hold names and keys."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _GONE:
            raise Missing(code) from error
        if code in _FULL:
            raise NoRoom("the store of the files is full") from error
        raise Away(f"the store of the files says {code or 'no'}") from error
    except (BotoCoreError, HTTPClientError, OSError) as error:
        raise Away(f"the store of the files: {type(error).__name__}") from error
