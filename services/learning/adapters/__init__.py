"""Tables, repositories and everything else that touches the outside."""
