"""The embedded platform (extra `sandbox`): the Cloud API in this process, over real HTTP or in memory."""

from cloudplatform_async.sandbox.platform.clock import Clock
from cloudplatform_async.sandbox.sandbox import Sandbox
from cloudplatform_async.sandbox.serving.faults import Fault, Faults
from cloudplatform_async.sandbox.serving.records import ServedRequest

__all__ = ["Clock", "Fault", "Faults", "Sandbox", "ServedRequest"]
