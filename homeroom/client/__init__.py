"""Who calls: the Python client, on trio and `homeroom.protocol` alone."""
