"""What a file is, what is wrong with it, and what can be made of it.

Nothing here reads anything but the file it is given or writes anything but a private directory.
`python -m services.catalog.inspection` inspects one file in a process that can do nothing else.
"""
