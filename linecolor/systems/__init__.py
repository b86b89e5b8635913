"""What can be trained and used: the systems, their bundles, the colorizer around their networks."""
