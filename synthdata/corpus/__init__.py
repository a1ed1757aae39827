"""The store on Delta tables: truth on disk, one writer, one atomic commit a round."""
