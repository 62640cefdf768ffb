"""Federated rounds on Flower: a local round is one call of `prefixtune train`."""
