"""The two small programs beside the service: the signer and a witness.

Neither needs a database or the rest of the platform; both keep what they signed in a file.
"""
