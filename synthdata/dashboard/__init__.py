"""Read-only pages about a corpus, live or as a folder, and its numbers for Prometheus; decides and writes nothing."""
