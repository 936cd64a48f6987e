"""Files made to be taken for something they are not, and honest ones to tell them from."""
