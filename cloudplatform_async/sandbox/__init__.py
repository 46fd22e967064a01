"""The embedded platform (extra `sandbox`): the Cloud API in this process, over real HTTP or in memory."""

try:
    from cloudplatform_async.sandbox.platform.clock import Clock
    from cloudplatform_async.sandbox.sandbox import Sandbox
    from cloudplatform_async.sandbox.serving.faults import Fault, Faults
    from cloudplatform_async.sandbox.serving.records import ServedRequest
except ModuleNotFoundError as _missing:
    if (_missing.name or "").partition(".")[0] not in {"starlette", "uvicorn", "h11"}:
        raise
    _message = f'The sandbox needs {_missing.name}: pip install "cloudplatform-async[sandbox]"'
    raise ModuleNotFoundError(_message, name=_missing.name) from _missing

__all__ = ["Clock", "Fault", "Faults", "Sandbox", "ServedRequest"]
