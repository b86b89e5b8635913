"""Who steps when: the training stages as LightningModules."""
