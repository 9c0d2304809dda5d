"""`sepme doctor`: what a service on this machine needs, looked at without starting or changing anything."""
