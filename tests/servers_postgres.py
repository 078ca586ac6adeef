"""PostgreSQL for tests: one temporary cluster a session, a database a test."""
