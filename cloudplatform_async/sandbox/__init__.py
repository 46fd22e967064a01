"""The embedded platform (extra `sandbox`): the Cloud API in this process, over real HTTP or in memory."""

try:
    from cloudplatform_async.sandbox.platform.clock import Clock
    from cloudplatform_async.sandbox.sandbox import Sandbox
    from cloudplatform_async.sandbox.serving.faults import Fault, Faults
    from cloudplatform_async.sandbox.serving.records import ServedRequest
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"starlette", "uvicorn", "h11"}:
        raise
    message = f'The sandbox needs {error.name}: pip install "cloudplatform-async[sandbox]"'
    raise ModuleNotFoundError(message, name=error.name) from error

__all__ = ["Clock", "Fault", "Faults", "Sandbox", "ServedRequest"]
