"""Hook specifications, discovery, and the catalog of parts."""
