"""Exact, lexical and semantic likeness; the only importers of datasketch, sentence-transformers and faiss."""
