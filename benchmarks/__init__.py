"""Measurements that take minutes: run as modules, never inside tests. docs/evaluation.md lists those that can be run."""
