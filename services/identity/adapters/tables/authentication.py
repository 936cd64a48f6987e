"""Passwords, second factors, invitations and throttling."""
