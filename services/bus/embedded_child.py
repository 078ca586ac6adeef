"""Stands between us and the private server so that it never outlives us. Run as a script, standard library only.

    python -I -S embedded_child.py LOCKFD SERVER CONFIG

Starts the server, says its pid, and ends it as soon as standard input closes: our death closes it,
however we die. If this process itself is killed, the kernel ends the server (Linux). The directory's
lock and our output are handed on: free and ended only when the server is gone too. Exit code: the server's own.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

_PATIENCE_S = 1.5
_PR_SET_PDEATHSIG = 1


def _die_with_us() -> None:
    # Fires when the thread that forked ends: here that is the only thread there is.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(server: "subprocess.Popen[bytes]") -> int:
    server.terminate()
    try:
        return server.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def main() -> int:
    """Run the server until it ends or our parent does."""
    _, lock, binary, config = sys.argv
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    server = subprocess.Popen(  # noqa: S603 - our own launcher chose the binary
        [binary, config],
        stdin=subprocess.DEVNULL,
        pass_fds=(int(lock),),
        preexec_fn=_die_with_us,  # noqa: PLW1509 - no threads here
    )
    print(server.pid, flush=True)  # noqa: T201 - read by our parent
    while server.poll() is None:
        readable, _, _ = select.select([0, woken], [], [], 1.0)
        if woken in readable and signal.SIGTERM in os.read(woken, 64):
            return _end(server)
        if 0 in readable and not os.read(0, 64):
            return _end(server)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


if __name__ == "__main__":
    sys.exit(main())
