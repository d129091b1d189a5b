"""The processes of a host: a `supervisor` with its `proxy`, `worker`s, and `launch` for tests."""
