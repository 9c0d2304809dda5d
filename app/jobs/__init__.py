"""Jobs: submit, wait, follow, cancel."""
