"""Pictures: made safe and small, kept by their content, compared, and shown."""
