"""Measurements that take minutes: run as modules, never inside tests."""
