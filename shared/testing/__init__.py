"""Fakes of what `shared` keeps behind a port. Each passes the contract suite of its adapter."""
