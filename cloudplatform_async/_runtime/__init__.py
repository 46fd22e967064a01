"""What asyncio and trio do differently: clock, event loop, background jobs, waiting."""
