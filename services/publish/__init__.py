"""Static copies of all that HTTP serves to everybody, in an object store or a directory, for a CDN."""
