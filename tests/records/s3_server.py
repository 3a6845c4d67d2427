"""A real S3 server for the tests: rclone, which keeps objects as files and checks signatures; from the project's own packages."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer

from homeroom.records.files.s3 import Bucket

PATIENCE_S = 60.0
ACCESS_KEY, SECRET_KEY, BUCKET = "the-school", "a-secret-of-the-tests", "files"
_STARTING = "Starting s3 server on [http://"


@contextmanager
def running_s3(folder: Path) -> Iterator[Bucket]:
    """Run a server that keeps its buckets below `folder`, with one bucket."""
    (folder / BUCKET).mkdir()
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--config", "", "--addr", "127.0.0.1:0"]
    keys = ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    with subprocess.Popen([*command, *keys, str(folder)], stderr=subprocess.PIPE, text=True) as server:
        try:
            endpoint = _endpoint(server)
            yield Bucket(
                BUCKET, endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, connect_s=10, read_s=PATIENCE_S
            )
        finally:
            server.kill()


def _endpoint(server: "subprocess.Popen[str]") -> str:
    """Return where it listens, as it says itself; what it says later is read and forgotten."""
    assert server.stderr is not None
    too_late = Timer(PATIENCE_S, server.kill)
    too_late.start()
    said = []
    for line in server.stderr:
        said.append(line)
        _, found, rest = line.partition(_STARTING)
        if found:
            too_late.cancel()
            Thread(target=server.stderr.read, daemon=True).start()
            return f"http://{rest.partition('/')[0]}"
    raise AssertionError("".join(said))
