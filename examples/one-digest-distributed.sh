#!/usr/bin/env bash
# 100,000 simulated touchpoints embedded, and through Kafka and PostgreSQL with two workers: one digest. The same shuffled and each twice,
# with ten kills -9 and five rebalances on the way: the same digest, nothing lost, nothing doubled. Exits 1 where that is not so.
#
#   examples/one-digest-distributed.sh                  after `make check`, which sets up .venv; starts the servers and stops them
#   CUSTOMERS=300 examples/one-digest-distributed.sh    fewer touchpoints
#
# JOURNEY_KAFKA and JOURNEY_POSTGRES name servers to use instead: it makes topics and databases of its own there, and drops them.
set -euo pipefail

cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" -m tests.e2e.one_digest --customers "${CUSTOMERS:-5300}"
