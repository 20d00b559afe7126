"""What a user may set: read, checked and composed."""
