"""Queries as trees of what they do, with their texts and names as leaves; see tests/conformance/injection.py."""
