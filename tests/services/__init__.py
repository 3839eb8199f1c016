"""Kafka and PostgreSQL for tests: real ones, from wherever this machine can have them."""
