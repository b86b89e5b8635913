"""Drawings packed into tars with an index: from disk, HTTP or S3."""
