"""The parts of a paginator: where pages come from, what is fetched ahead, what came twice."""
