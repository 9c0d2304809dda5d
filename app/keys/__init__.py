"""Keys over HTTP, for `admin`."""
