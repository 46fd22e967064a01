"""A resource of dlt over a walk: each load brings the events that are new since the last one."""

from collections.abc import AsyncIterator

import dlt
import pyarrow

from cloudplatform_async import AsyncClient


@dlt.resource(primary_key="id", write_disposition="merge")
async def events() -> AsyncIterator[pyarrow.RecordBatch]:
    """Walk on from the checkpoint, which dlt keeps in its destination beside the rows that it goes with."""
    state = dlt.current.resource_state("events")
    async with AsyncClient() as client:
        walk = client.events.iter_all(resume_from=state.get("checkpoint"))
        async for batch in walk.record_batches():
            yield batch
        state["checkpoint"] = walk.checkpoint
