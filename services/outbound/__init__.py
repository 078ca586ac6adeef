"""The guarded transport: the only way to an address that a user or partner named.

`guard` judges URLs and addresses (pure), `lookup` asks the name service, `Sender` is the door that
stages see. Its first implementation, `AiohttpSender`, is imported from its module, where a stage runs.
Every implementation passes tests/contract/test_outbound.py.
"""

from services.outbound.guard import AddressPolicy, check_url, judge
from services.outbound.sender import Sender

__all__ = ["AddressPolicy", "Sender", "check_url", "judge"]
