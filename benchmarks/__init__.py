"""Speed beside its peers, on one machine, in one run: `make bench`, which is `python -m benchmarks.compare`, then `benchmarks.figures` and
`benchmarks.server`.

A speed by itself says nothing: machines differ, and the same machine differs from one minute to the next. So every figure here stands
beside what others do with the same touchpoints in the same minutes, and is stated as a ratio to them:

- `limit`: aiokafka's `getmany` and orjson, nothing else. What a Python process that consumes a topic can't exceed.
- `faust_agent`: an agent that does nothing, per event. What the ordinary way to use Faust costs before any work is done.
- `kafka_streams`: Kafka Streams in Java, the same fold, exactly once, held to our answers. The peer to measure up to.
- `kafka_streams_by_arrival`: the same by the order of arrival only, which is less: what most people write.
- `embedded`: `journey ingest` of the same touchpoints into a folder, and where its time goes, step by step.
- `ours`: Kafka and PostgreSQL, workers, until both read models hold all of it.

`figures` asks all figures of both runtimes, `server` publishes to `journey serve` and reads its pages. `latency` asks how long one
touchpoint takes from being published to being seen in both read models. Everything that is made stands in the folder `.bench/` at the
root of the repository and can be deleted. Services listen on 127.0.0.1 only.
"""
