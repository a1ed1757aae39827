"""Exact, lexical and semantic likeness; the only importers of datasketch and sentence-transformers."""
