"""Deliver: decide which endpoints an event is owed to, and get it there.

`core`, `signing`, `matching`, `body` and `destinations` decide (pure); `worker` writes deliveries,
`drain` sends them, one mailbox per endpoint.
"""
