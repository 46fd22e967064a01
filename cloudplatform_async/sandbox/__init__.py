"""The embedded platform (extra `sandbox`): the Cloud API in this process, over real HTTP or in memory."""

from cloudplatform_async.sandbox.faults import Fault, Faults
from cloudplatform_async.sandbox.records import ServedRequest
from cloudplatform_async.sandbox.sandbox import Sandbox

__all__ = ["Fault", "Faults", "Sandbox", "ServedRequest"]
