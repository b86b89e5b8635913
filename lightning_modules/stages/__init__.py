"""Who steps when: a LightningModule a training stage."""
