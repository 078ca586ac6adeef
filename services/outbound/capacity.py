"""How many sockets this process may have."""

import resource

IN_FLIGHT = 4_096


def raise_open_files(wanted: int = 65_536) -> int:
    """Raise this process's limit of open files towards `wanted`, as far as the system lets; what holds now.

    Shells and service managers often start with 1,024, which a few hundred slow partners would use up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):
            return soft
        return most
    return wanted if soft == resource.RLIM_INFINITY else soft


def requests_at_once(open_files: int) -> int:
    """Say how many requests fit: each is a socket, as many again rest idle, and others need files too."""
    return max(16, min(IN_FLIGHT, open_files // 3))
