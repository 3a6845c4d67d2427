"""The program itself, as a person starts it: `homeroom serve --demo`, killed and started again on the same port and data.

Never here: what is tried with it.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 60
STOP_S = 20
OPEN = re.compile(r"open at (http://\S+:(\d+))")


class Serving:
    """One server's life, or several: `start`, `kill` or `stop`, `start` again. `url` is the same in all of them."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self._port = "0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._printed: deque[str] = deque(maxlen=200)

    def start(self) -> None:
        """Start it and wait until it says that it is open."""
        argv = [sys.executable, "-m", "homeroom", "serve", "--demo", "--port", self._port]
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self._process = subprocess.Popen(
            [*argv, "--data-dir", str(self._folder / "data")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=environment | {"COLUMNS": "200", "NO_COLOR": "1", "HOMEROOM_DEMO_SIZE": "bare"},
        )
        guard = threading.Timer(START_S, self._process.kill)
        guard.start()
        try:
            self._read_address(self._process)
        finally:
            guard.cancel()

    def kill(self) -> None:
        """End it as a power cut would: `kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self._end(signal.SIGKILL)
            raise AssertionError(f"it did not end within {STOP_S} s of being asked to:\n{self.printed}") from None

    @property
    def printed(self) -> str:
        """The last lines that it printed."""
        return "".join(self._printed)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(STOP_S)

    def _read_address(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._printed.append(line.decode(errors="replace"))
            found = OPEN.search(self._printed[-1])
            if found:
                self.url, self._port = found[1], found[2]
                threading.Thread(target=self._read_on, args=(process,), daemon=True).start()
                return
        raise AssertionError(f"it did not open within {START_S} s:\n{self.printed}")

    def _read_on(self, process: subprocess.Popen[bytes]) -> None:
        """Keep what it prints, and let it never wait for us."""
        assert process.stdout is not None
        with process.stdout as lines:
            self._printed.extend(line.decode(errors="replace") for line in lines)


@contextmanager
def running_server(folder: Path) -> Iterator[Serving]:
    """Run a demo school with its data in `folder`; nothing of it runs on when the block ends."""
    serving = Serving(folder)
    serving.start()
    try:
        yield serving
    finally:
        serving.stop()
